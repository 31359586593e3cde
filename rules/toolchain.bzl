"""The toolchain type of the patcher.

Rules of this module find the patcher by toolchain resolution, in the exec
configuration. The one registered by default is built from source with
rules_go; a prebuilt binary takes its place with:

```starlark
load("@rules_mimalloc//rules:toolchain.bzl", "mimalloc_patcher_toolchain")

mimalloc_patcher_toolchain(
    name = "prebuilt_patcher",
    patch_headers = "//tools:patch_headers",
)

toolchain(
    name = "patcher_toolchain",
    toolchain = ":prebuilt_patcher",
    toolchain_type = "@rules_mimalloc//rules:patcher_toolchain_type",
)
```
"""

PATCHER_TOOLCHAIN_TYPE = Label("//rules:patcher_toolchain_type")

MimallocPatcherInfo = provider(
    doc = "The patcher of a `mimalloc_patcher_toolchain`.",
    fields = {
        "patch_headers": "FilesToRunProvider: the executable that `patcher/cmd/patch_headers` builds.",
    },
)

def _mimalloc_patcher_toolchain_impl(ctx):
    patcher = MimallocPatcherInfo(patch_headers = ctx.attr.patch_headers[DefaultInfo].files_to_run)
    return [platform_common.ToolchainInfo(mimalloc_patcher = patcher)]

mimalloc_patcher_toolchain = rule(
    implementation = _mimalloc_patcher_toolchain_impl,
    doc = "Makes an executable the patcher of `mimalloc_headers`.",
    attrs = {
        "patch_headers": attr.label(
            doc = "The executable that `patcher/cmd/patch_headers` builds.",
            mandatory = True,
            executable = True,
            cfg = "exec",
        ),
    },
)
