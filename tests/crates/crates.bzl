"""Repository rule behind the extension `crates`.

The .crate files come from the directory that the variable RULES_MIMALLOC_CRATES names (bazelw makes one, and says so by
--repo_env), else through cargo, by name: cargo knows the registries and mirrors of this machine. Either way each has to
have the sum in crates.tsv.
"""

_MANIFEST = """\
[package]
name = "fetch"
version = "0.0.0"
edition = "2021"
[workspace]
[dependencies]
{crate} = "={version}"
"""

def _rows(text):
    """The rows of a table: tab-separated, # comments."""
    rows = []
    for line in text.split("\n"):
        if line and not line.startswith("#"):
            tree, crate, version, sha256, path = line.split("\t")[:5]
            rows.append(struct(
                crate = crate,
                file = "{}-{}.crate".format(crate, version),
                path = path,
                prefix = "{}-{}".format(crate, version),
                sha256 = sha256,
                tree = tree,
                version = version,
            ))
    return rows

def _fetch(rctx, row):
    """Has cargo fetch a crate, and returns the path of the .crate file in cargo's cache."""
    cargo = rctx.which("cargo")
    if not cargo:
        fail(("mimalloc_trees: needs cargo, which fetches {}; there is no cargo on PATH " +
              "(nor is the file in a directory that RULES_MIMALLOC_CRATES names)").format(row.file))

    # A project for each: one may not ask for two versions that are compatible.
    project = "cargo/" + row.prefix
    rctx.file(project + "/Cargo.toml", _MANIFEST.format(crate = row.crate, version = row.version))
    rctx.file(project + "/src/lib.rs")
    result = rctx.execute(
        [cargo, "metadata", "--quiet", "--format-version=1"],
        working_directory = project,
    )
    if result.return_code:
        fail("mimalloc_trees: cargo could not fetch {} (exit code {}):\n{}".format(row.file, result.return_code, result.stderr))
    for package in json.decode(result.stdout)["packages"]:
        if package["name"] == row.crate:
            # cargo unpacks registry/cache/INDEX/FILE.crate as registry/src/INDEX/FILE.
            source = rctx.path(package["manifest_path"]).dirname
            index = source.dirname
            file = index.dirname.dirname.get_child("cache", index.basename, row.file)
            if file.exists:
                return file
            fail("mimalloc_trees: expected {} where cargo keeps what it downloads, found only {}".format(file, source))
    fail("mimalloc_trees: cargo does not list {} among what it fetched".format(row.crate))

def _file_url(path):
    url = str(path)
    for character, code in [("%", "%25"), (" ", "%20"), ("#", "%23"), ("?", "%3F")]:
        url = url.replace(character, code)
    return "file://" + url if url.startswith("/") else "file:///" + url

def _mimalloc_trees_impl(rctx):
    provided = rctx.getenv("RULES_MIMALLOC_CRATES")
    seen, trees = {}, []
    for row in _rows(rctx.read(rctx.attr._table)):
        archive = row.prefix + ".tar.gz"
        if archive not in seen:
            file = rctx.path(provided).get_child(row.file) if provided else None
            if not file or not file.exists:
                file = _fetch(rctx, row)

            # A download from a file is how a repository rule can check a sum.
            rctx.download(_file_url(file), archive, sha256 = row.sha256)
            seen[archive] = True
        tree = "sources/" + row.tree
        trees.append(row.tree)
        rctx.extract(archive, tree, row.prefix + "/" + row.path)
        for entry in rctx.path(tree).readdir():
            if entry.basename not in ["include", "src"]:
                rctx.delete(entry)
    for archive in seen:
        rctx.delete(archive)
    rctx.delete("cargo")
    rctx.file("BUILD.bazel", """\
package(default_visibility = ["//visibility:public"])

# The directory itself: one symlink for a test, not thousands.
filegroup(
    name = "trees",
    srcs = ["sources"],
)

# TREE_include and TREE_src, the files of a tree as mimalloc_library takes them.
[
    filegroup(
        name = "{}_{}".format(tree, part),
        srcs = glob(["sources/{}/{}/**".format(tree, part)]),
    )
    for tree in TREES
    for part in ["include", "src"]
]
""".replace("TREES", repr(trees)))

mimalloc_trees = repository_rule(
    implementation = _mimalloc_trees_impl,
    doc = "The trees of crates.tsv.",
    attrs = {
        "_table": attr.label(default = "//tests/crates:crates.tsv"),
    },
)

def _mimalloc_tree_impl(rctx):
    # As rules and users see them: a library of sources in a repository.
    sources = rctx.path(Label("@mimalloc_trees//:BUILD.bazel")).dirname.get_child("sources", rctx.attr.tree)
    for directory in ["include", "src"]:
        rctx.symlink(sources.get_child(directory), directory)
    rctx.file("BUILD.bazel", """\
load("{defs}", "mimalloc_library")

mimalloc_library(
    name = "mimalloc",
    hdrs = glob(["include/**"]),
    srcs = glob(["src/**"]),
    version = "{version}",
    visibility = ["//visibility:public"],
)
""".format(
        defs = Label("//rules:defs.bzl"),
        version = rctx.attr.tree.partition("_")[0],
    ))

mimalloc_tree = repository_rule(
    implementation = _mimalloc_tree_impl,
    doc = "The targets of mimalloc_library for one of the trees.",
    attrs = {
        "tree": attr.string(mandatory = True, doc = "Its name in crates.tsv."),
    },
)
