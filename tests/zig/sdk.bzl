"""Repository rules behind the extension `zig`.

Two repositories, because Bazel loads the packages of all registered toolchains in every build: zig_sdk declares the
toolchains and costs nothing; the 100 MB of zig_sdk_files are fetched when one of them is chosen.
"""

_OS = {
    "linux": "linux",
    "mac os x": "macos",
}

_CPU = {
    "aarch64": "aarch64",
    "amd64": "x86_64",
    "arm64": "aarch64",
    "x86_64": "x86_64",
}

def _zig_sdk_impl(ctx):
    os, cpu = _OS.get(ctx.os.name), _CPU.get(ctx.os.arch)
    toolchains = ""
    if os and cpu:
        toolchains = """
zig_toolchains(
    exec_compatible_with = ["{os}", "{cpu}"],
    files = "@zig_sdk_files",
)
""".format(
            cpu = Label("@platforms//cpu:" + cpu),
            os = Label("@platforms//os:" + os),
        )
    ctx.file("BUILD.bazel", """load("{bzl}", "zig_toolchains")
{toolchains}
alias(
    name = "zig_cc",
    actual = "@zig_sdk_files//:zig_cc",
    visibility = ["//visibility:public"],
)
""".format(
        bzl = Label(":toolchains.bzl"),
        toolchains = toolchains,
    ))

zig_sdk = repository_rule(
    implementation = _zig_sdk_impl,
    doc = "toolchain() targets for this host, and an alias for zig_cc.",
)

def _run_pip(ctx, python, arguments, what):
    result = ctx.execute([python, "-m", "pip"] + arguments, timeout = 1800)
    if result.return_code:
        fail("zig_sdk: {what} failed (exit code {code}): {python} -m pip {arguments}\n{stdout}{stderr}".format(
            arguments = " ".join([str(argument) for argument in arguments]),
            code = result.return_code,
            python = python,
            stderr = result.stderr,
            stdout = result.stdout,
            what = what,
        ))

def _zig_sdk_files_impl(ctx):
    if ctx.os.name not in _OS or ctx.os.arch not in _CPU:
        fail("zig_sdk: runs on Linux and macOS, x86_64 and aarch64; this host is {} {}".format(ctx.os.name, ctx.os.arch))
    python = ctx.which("python3")
    if not python:
        fail("zig_sdk: needs python3 with pip, which fetches zig; there is no python3 on PATH")
    _run_pip(ctx, python, ["--version"], "looking for pip (Debian has it in python3-pip)")

    # No look at the index by ourselves: pip knows the mirrors and credentials of this machine, and checks the sums.
    _run_pip(ctx, python, [
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
        "--dest=wheel",
        "--requirement",
        ctx.path(ctx.attr._requirements),
    ], "fetching the wheel")
    wheels = ctx.path("wheel").readdir()
    if len(wheels) != 1:
        fail("zig_sdk: pip should have fetched one wheel, not {}".format([wheel.basename for wheel in wheels]))

    # Bazel tells the type of an archive by its name.
    ctx.symlink(wheels[0], "zig.zip")
    ctx.extract("zig.zip", "", "ziglang")
    ctx.delete("zig.zip")
    ctx.delete("wheel")

    # zig's libSystem says that it is there for macOS alone, and simulators use macOS's. The other systems have it under
    # the same name with these symbols, as far as tests link them.
    tbd = "lib/libc/darwin/libSystem.tbd"
    ctx.file(tbd, ctx.read(tbd).replace(
        "arm64e-macos",
        "arm64e-macos, arm64-ios, arm64-tvos, arm64-watchos, arm64-xros",
    ), executable = False)

    for tool, script in {"zig-ar": ctx.attr._zig_ar, "zig-cc": ctx.attr._zig_cc}.items():
        ctx.file(tool, ctx.read(script), executable = True)

    # For layering_check: zig's headers belong to a module that everything may use.
    ctx.file("module.modulemap", 'module "crosstool" [system] {\n  umbrella "lib"\n}\n')
    ctx.file("BUILD.bazel", """load("{bzl}", "zig_cc_toolchains")

package(default_visibility = ["//visibility:public"])

# One executable file; what it needs, for any target, is in its runfiles, beside it. `lib` as a directory is one
# symlink there instead of 20,000.
filegroup(
    name = "zig_cc",
    srcs = ["zig-cc"],
    data = ["lib", "zig"],
)

zig_cc_toolchains()
""".format(bzl = Label(":toolchains.bzl")))

zig_sdk_files = repository_rule(
    implementation = _zig_sdk_files_impl,
    doc = "The wheel of zig, and a cc_toolchain for every platform of //tests/platforms.",
    attrs = {
        "_requirements": attr.label(default = "//tests/zig:requirements.txt"),
        "_zig_ar": attr.label(default = "//tests/zig:zig_ar.sh"),
        "_zig_cc": attr.label(default = "//tests/zig:zig_cc.sh"),
    },
)
