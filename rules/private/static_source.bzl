"""mimalloc_static_source: the one file of a source tree that is compiled."""

def _mimalloc_static_source_impl(ctx):
    found = [f for f in ctx.files.srcs if f.basename == "static.c"]
    if len(found) != 1:
        fail("%s: srcs: expected one file named static.c among them, got %d" % (ctx.label, len(found)))
    return [DefaultInfo(files = depset(found))]

mimalloc_static_source = rule(
    implementation = _mimalloc_static_source_impl,
    doc = "src/static.c, which includes all the other sources, in every release.",
    attrs = {"srcs": attr.label_list(allow_files = True, mandatory = True, doc = "All files of mimalloc's src directory.")},
)
