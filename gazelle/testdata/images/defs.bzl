"""Stand-ins for rules of other modules."""

def _impl(_ctx):
    return []

_RULE = dict(
    implementation = _impl,
    attrs = {
        "data": attr.label_list(allow_files = True),
        "deps": attr.label_list(allow_files = True),
        "linkmode": attr.string(),
        "srcs": attr.label_list(allow_files = True),
    },
)

ios_framework = rule(**_RULE)
macos_bundle = rule(**_RULE)
napi_addon = rule(**_RULE)
rust_shared_library = rule(**_RULE)
