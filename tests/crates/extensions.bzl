"""Module extension `crates`: trees of mimalloc that come in crates, for tests.

`@mimalloc_trees` has a directory `sources` (the target `trees`) with, for each row of crates.tsv, a directory of the tree's name that holds its
`include` and `src`, as upstream or a fork has them. `@mimalloc_generation_d` and so on are the targets of `mimalloc_library`
for one tree of each generation whose releases' own archives cannot be had wherever the tests run; of generation D no release
comes as a crate, so a fork of that shape stands for it. Nothing is fetched before a test asks for it.
"""

load(":crates.bzl", "mimalloc_tree", "mimalloc_trees")

_TREES = {
    "mimalloc_generation_d": "3.3.2_fork60",
    "mimalloc_generation_e": "3.5.2_repaired",
    "mimalloc_generation_f": "3.6.0",
}

def _crates_impl(module_ctx):
    mimalloc_trees(name = "mimalloc_trees")
    for name, tree in _TREES.items():
        mimalloc_tree(name = name, tree = tree)
    return module_ctx.extension_metadata(reproducible = True)

crates = module_extension(
    implementation = _crates_impl,
    doc = "Creates @mimalloc_trees and others (see the docstring of the file).",
)
