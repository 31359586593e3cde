"""mimalloc_tls_test: audits what targets consist of."""

load("//rules:toolchain.bzl", "AUDITOR_TOOLCHAIN_TYPE")
load(":audit_params.bzl", "MODELS", "add_targets")

_PLATFORMS = "//command_line_option:platforms"

def _to_platform_impl(settings, attr):
    return {_PLATFORMS: str(attr.platform) if attr.platform else settings[_PLATFORMS]}

_to_platform = transition(
    implementation = _to_platform_impl,
    inputs = [_PLATFORMS],
    outputs = [_PLATFORMS],
)

def _models(ctx, name, models, allowed):
    for model in models:
        if model not in allowed:
            fail("%s: %s: expected one of %s, got %s" % (ctx.label, name, ", ".join(allowed), repr(model)))
    return models

def _mimalloc_tls_test_impl(ctx):
    auditor = ctx.exec_groups["test"].toolchains[AUDITOR_TOOLCHAIN_TYPE].mimalloc_auditor.audit_targets

    params = ctx.actions.declare_file(ctx.label.name + ".audit.params")
    args = ctx.actions.args()
    args.set_param_file_format("multiline")
    args.add_all(_models(ctx, "deny", ctx.attr.deny, MODELS), format_each = "-deny=%s")
    args.add_all(_models(ctx, "expect", [ctx.attr.expect] if ctx.attr.expect else [], MODELS + ["none"]), format_each = "-expect=%s")
    for flag in ["allow_empty", "allow_unknown", "process"]:
        if getattr(ctx.attr, flag):
            args.add("-" + flag.replace("_", "-"))
    if ctx.attr.platform:
        args.add(str(ctx.attr.platform.label), format = "-platform=%s")
    files = add_targets(args, ctx.attr.targets, short_paths = True)
    ctx.actions.write(params, args)

    # The test is the auditor itself, under the name of the test.
    extension = auditor.executable.extension
    test = ctx.actions.declare_file(ctx.label.name + ("." + extension if extension else ""))
    ctx.actions.symlink(output = test, target_file = auditor.executable, is_executable = True)
    runfiles = ctx.runfiles(files = [params, test, auditor.executable], transitive_files = files)
    return [
        DefaultInfo(executable = test, runfiles = runfiles),
        RunEnvironmentInfo(environment = {"MIMALLOC_TLS_AUDIT": params.short_path}),
    ]

mimalloc_tls_test = rule(
    implementation = _mimalloc_tls_test_impl,
    doc = """\
Tests which TLS model the mimallocs have that targets consist of.

It reads every Mach-O file among the outputs and runfiles of `targets`, also
those in archives, packages and directories; other files are passed over. It
runs on the machine that runs tests, whatever the targets are built for:

```starlark
load("@rules_mimalloc//rules:defs.bzl", "mimalloc_tls_test")

mimalloc_tls_test(
    name = "addon_tls_test",
    platform = "//platforms:macos_arm64",
    targets = [":addon"],
)
```

It fails where a model is found that is in `deny`, where a model cannot be told,
and where there is nothing to audit.
""",
    attrs = {
        "allow_empty": attr.bool(
            doc = "Passes, too, where there is no Mach-O file: for targets that are built for several platforms.",
        ),
        "allow_unknown": attr.bool(
            doc = "Passes, too, where there is a mimalloc whose model cannot be told (see docs/audit.md for when that is).",
        ),
        "deny": attr.string_list(
            default = ["fixed-slot"],
            doc = "Models that must not be found: of `fixed-slot`, `pthread-key`, `thread-local`.",
        ),
        "expect": attr.string(
            doc = "The model of every mimalloc, of which there must be one at least; `none`: there must be no mimalloc. Empty: any that is not denied.",
        ),
        "platform": attr.label(
            doc = "What to build the targets for, a `platform` target. By default what the test is built for.",
            providers = [platform_common.PlatformInfo],
        ),
        "process": attr.bool(
            doc = "All images are loaded in one process: fails where two of them share a slot, whatever `deny` says, and names the pairs.",
        ),
        "targets": attr.label_list(
            allow_empty = False,
            allow_files = True,
            cfg = _to_platform,
            doc = "Any targets and files: programs, shared and static libraries, bundles, what is prebuilt.",
            mandatory = True,
        ),
    },
    exec_groups = {
        # The one in which Bazel runs the test.
        "test": exec_group(toolchains = [AUDITOR_TOOLCHAIN_TYPE]),
    },
    test = True,
)
