"""own_files: the files of an output group under a path of one's own."""

def _own_files_impl(ctx):
    files = []
    for file in ctx.attr.src[OutputGroupInfo][ctx.attr.output_group].to_list():
        link = ctx.actions.declare_file(ctx.label.name + "/" + file.basename)
        ctx.actions.symlink(output = link, target_file = file)
        files.append(link)
    return [DefaultInfo(files = depset(files), runfiles = ctx.runfiles(files))]

own_files = rule(
    implementation = _own_files_impl,
    doc = """Links the files of an output group to `<name>/<basename>`.

Runfiles do not tell configurations apart: what one target is for two platforms has one path there, and one file wins.
""",
    attrs = {
        "output_group": attr.string(
            doc = "For example compilation_outputs, the object files of a cc_library.",
            mandatory = True,
        ),
        "src": attr.label(
            doc = "For example a platform_files.",
            mandatory = True,
            providers = [OutputGroupInfo],
        ),
    },
)
