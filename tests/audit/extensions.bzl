"""Module extension `audit_corpus`: binaries for Apple systems that others publish, for tests.

`@audit_corpus//:files` is a directory with what corpus.tsv lists as `ci`. Nothing is fetched before a test asks for it.
"""

load(":corpus.bzl", "audit_corpus")

def _audit_corpus_impl(module_ctx):
    audit_corpus(name = "audit_corpus")
    return module_ctx.extension_metadata(reproducible = True)

audit_corpus_extension = module_extension(
    implementation = _audit_corpus_impl,
    doc = "Creates @audit_corpus (see the docstring of the file).",
)
