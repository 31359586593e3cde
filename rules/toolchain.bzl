"""The toolchain types of the patcher and of the auditor.

Rules of this module find both by toolchain resolution, in the exec
configuration. Those registered by default are built from source with
rules_go; a prebuilt binary takes their place with, for the patcher:

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

and for the auditor with `mimalloc_auditor_toolchain(audit_targets = …)` and
`auditor_toolchain_type`.
"""

PATCHER_TOOLCHAIN_TYPE = Label("//rules:patcher_toolchain_type")
AUDITOR_TOOLCHAIN_TYPE = Label("//rules:auditor_toolchain_type")

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

MimallocAuditorInfo = provider(
    doc = "The auditor of a `mimalloc_auditor_toolchain`.",
    fields = {
        "audit_targets": "FilesToRunProvider: the executable that `machotls/cmd/audit_targets` builds.",
    },
)

def _mimalloc_auditor_toolchain_impl(ctx):
    auditor = MimallocAuditorInfo(audit_targets = ctx.attr.audit_targets[DefaultInfo].files_to_run)
    return [platform_common.ToolchainInfo(mimalloc_auditor = auditor)]

mimalloc_auditor_toolchain = rule(
    implementation = _mimalloc_auditor_toolchain_impl,
    doc = "Makes an executable the auditor of `mimalloc_tls_test` and of the aspect `mimalloc_tls_audit`.",
    attrs = {
        "audit_targets": attr.label(
            doc = "The executable that `machotls/cmd/audit_targets` builds.",
            mandatory = True,
            executable = True,
            cfg = "exec",
        ),
    },
)
