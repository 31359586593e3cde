"""Stand-ins for rules of other modules."""

def _impl(_ctx):
    return []

cmake = rule(
    implementation = _impl,
    attrs = {
        "cache_entries": attr.string_dict(),
        "lib_source": attr.label(),
    },
)

cargo_build_script = rule(
    implementation = _impl,
    attrs = {
        "data": attr.label_list(allow_files = True),
        "srcs": attr.label_list(allow_files = True),
    },
)
