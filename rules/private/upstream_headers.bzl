"""mimalloc_upstream_headers: an include tree as it is."""

load("@rules_cc//cc:find_cc_toolchain.bzl", "use_cc_toolchain")
load("@rules_cc//cc/common:cc_info.bzl", "CcInfo")
load(":include_tree.bzl", "HDRS_ATTR", "header_context", "relative_paths")

def _mimalloc_upstream_headers_impl(ctx):
    files = relative_paths(ctx)
    return [
        DefaultInfo(files = depset(files.values())),
        header_context(ctx, files.values(), files["mimalloc.h"].dirname),
    ]

mimalloc_upstream_headers = rule(
    implementation = _mimalloc_upstream_headers_impl,
    doc = "The include directory that the files lie in, unchanged. It needs no patcher.",
    attrs = {"hdrs": HDRS_ATTR},
    provides = [CcInfo],
    toolchains = use_cc_toolchain(),
    fragments = ["cpp"],
)
