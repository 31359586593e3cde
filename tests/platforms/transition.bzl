"""platform_files: builds targets for another platform, wherever `bazel build` itself builds for."""

_PLATFORMS = "//command_line_option:platforms"
_COMPILATION_MODE = "//command_line_option:compilation_mode"
_COPT = "//command_line_option:copt"

def _to_platform_impl(settings, attr):
    return {
        _COMPILATION_MODE: attr.compilation_mode or settings[_COMPILATION_MODE],
        _COPT: settings[_COPT] + attr.copts,
        _PLATFORMS: str(attr.platform),
    }

_to_platform = transition(
    implementation = _to_platform_impl,
    inputs = [
        _COMPILATION_MODE,
        _COPT,
    ],
    outputs = [
        _COMPILATION_MODE,
        _COPT,
        _PLATFORMS,
    ],
)

def _files(ctx, src):
    """The files of one of `srcs` that are handed on."""
    group = ctx.attr.output_group
    if not group:
        return src[DefaultInfo].files.to_list()
    groups = src[OutputGroupInfo] if OutputGroupInfo in src else {}
    if group not in groups:
        fail("{}: output_group: {} has no output group {}, only {}".format(
            ctx.label,
            src.label,
            repr(group),
            [name for name in groups],
        ))
    return groups[group].to_list()

def _platform_files_impl(ctx):
    files = []
    runfiles = ctx.runfiles()
    groups = {}
    for file in [file for src in ctx.attr.srcs for file in _files(ctx, src)]:
        path = "{}/{}".format(ctx.label.name, file.short_path.removeprefix("../"))
        link = ctx.actions.declare_directory(path) if file.is_directory else ctx.actions.declare_file(path)
        ctx.actions.symlink(output = link, target_file = file)
        files.append(link)
    for src in ctx.attr.srcs:
        runfiles = runfiles.merge(src[DefaultInfo].default_runfiles)
        if OutputGroupInfo in src:
            for group in src[OutputGroupInfo]:
                groups.setdefault(group, []).append(src[OutputGroupInfo][group])
    return [
        DefaultInfo(files = depset(files), runfiles = runfiles),
        OutputGroupInfo(**{name: depset(transitive = files) for name, files in groups.items()}),
    ]

platform_files = rule(
    implementation = _platform_files_impl,
    doc = """Builds `srcs` for `platform` and hands their files on.

The files are handed on as links below a folder named like this target: `NAME/` and the path that the file has in
runfiles. That path does not tell what a file was built for; with the folder a test may have the same target for several
platforms. Output groups (so, validation actions too) and the runfiles of `srcs` are handed on as they are.

With this, tests that run on the host look at what comes out for other systems:

```starlark
[
    platform_files(
        name = "lib_" + platform,
        testonly = True,
        srcs = [":lib"],
        platform = "//tests/platforms:" + platform,
    )
    for platform in ["ios_arm64", "macos_arm64"]
]

go_test(
    name = "objects_test",
    srcs = ["objects_test.go"],
    args = [
        "$(rootpaths :lib_ios_arm64)",
        "$(rootpaths :lib_macos_arm64)",
    ],
    data = [
        ":lib_ios_arm64",
        ":lib_macos_arm64",
    ],
    rundir = ".",
)
```
""",
    attrs = {
        "compilation_mode": attr.string(
            doc = "`fastbuild`, `dbg` or `opt`; empty: as on the command line.",
            values = [
                "",
                "dbg",
                "fastbuild",
                "opt",
            ],
        ),
        "copts": attr.string_list(
            doc = "`--copt`, more options for all compilations, after those of the command line.",
        ),
        "output_group": attr.string(
            doc = "Links files of this output group, for example `compilation_outputs`, not those of DefaultInfo.",
        ),
        "platform": attr.label(
            doc = "What to build for, a `platform` target, for example one of `//tests/platforms`.",
            mandatory = True,
            providers = [platform_common.PlatformInfo],
        ),
        "srcs": attr.label_list(
            doc = "What to build, any targets.",
            allow_files = True,
            cfg = _to_platform,
            mandatory = True,
        ),
    },
)
