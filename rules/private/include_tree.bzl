"""What the rules over include trees of mimalloc share."""

load("@rules_cc//cc:find_cc_toolchain.bzl", "find_cc_toolchain")
load("@rules_cc//cc/common:cc_common.bzl", "cc_common")
load("@rules_cc//cc/common:cc_info.bzl", "CcInfo")

HDRS_ATTR = attr.label_list(
    doc = "All files of the include directory: mimalloc.h and what lies beside and below it.",
    mandatory = True,
    allow_empty = False,
    allow_files = True,
)

def relative_paths(ctx):
    """Finds the include directory that the files of the attribute hdrs make up.

    Args:
        ctx: the rule's context.

    Returns:
        A dict of the files by their path from the directory that holds mimalloc.h.
    """
    roots = [
        f.short_path[:-len("mimalloc.h")]
        for f in ctx.files.hdrs
        if f.basename == "mimalloc.h"
    ]
    if len(roots) != 1:
        fail("%s: hdrs: expected one file named mimalloc.h among them, got %d" % (ctx.label, len(roots)))
    files = {}
    for f in ctx.files.hdrs:
        if not f.short_path.startswith(roots[0]):
            fail("%s: hdrs: expected files of one include directory, %s, got %s" % (ctx.label, roots[0] or ".", f.short_path))
        files[f.short_path[len(roots[0]):]] = f
    return files

def header_context(ctx, headers, include_dir):
    """Makes headers available to C and C++ rules, with a module map for layering_check.

    Args:
        ctx: the rule's context, with a C++ toolchain and the fragment cpp.
        headers: the files.
        include_dir: exec path of the directory they are included from.

    Returns:
        A CcInfo.
    """
    cc_toolchain = find_cc_toolchain(ctx)
    compilation_context, _ = cc_common.compile(
        name = ctx.label.name,
        actions = ctx.actions,
        cc_toolchain = cc_toolchain,
        feature_configuration = cc_common.configure_features(
            ctx = ctx,
            cc_toolchain = cc_toolchain,
            requested_features = ctx.features,
            unsupported_features = ctx.disabled_features,
        ),
        public_hdrs = headers,
        system_includes = [include_dir],
    )
    return CcInfo(compilation_context = compilation_context)
