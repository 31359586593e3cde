"""Module extension `crates`: trees of mimalloc that come in crates, for tests.

`@mimalloc_trees` has a directory `sources` (the target `trees`) with, for each row of crates.tsv, a directory of the tree's name that holds its
`include` and `src`, as upstream or a fork has them. Nothing is fetched before a test asks for it.
"""

load(":crates.bzl", "mimalloc_trees")

def _crates_impl(module_ctx):
    mimalloc_trees(name = "mimalloc_trees")
    return module_ctx.extension_metadata(reproducible = True)

crates = module_extension(
    implementation = _crates_impl,
    doc = "Creates @mimalloc_trees (see the docstring of the file).",
)
