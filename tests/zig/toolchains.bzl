"""Macros that the BUILD files of @zig_sdk and @zig_sdk_files call."""

load("@rules_cc//cc/toolchains:cc_toolchain.bzl", "cc_toolchain")
load("//tests/platforms:table.bzl", "PLATFORMS", "constraint_values")
load(":toolchain_config.bzl", "zig_cc_toolchain_config")

# The C libraries: what of zig's lib/libc/include a compile for it reads, and what of lib/libc a link reads besides.
# Of all that zig has, 20,000 files, a compile sees a tenth in its sandbox.
_LIBC = {
    "darwin": struct(
        headers = ["any-darwin-any"],
        sources = ["darwin"],
    ),
    "glibc": struct(
        headers = ["generic-glibc", "{arch}-linux-gnu", "any-linux-any", "{arch}-linux-any"],
        sources = ["glibc"],
    ),
    "mingw": struct(
        headers = ["any-windows-any"],
        sources = ["mingw"],
    ),
    "musl": struct(
        headers = ["generic-musl", "{arch}-linux-musl", "any-linux-any", "{arch}-linux-any"],
        sources = ["musl"],
    ),
}

def _libc(target):
    if target.os == "linux":
        return target.libc or "glibc"
    return "mingw" if target.os == "windows" else "darwin"

# buildifier: disable=unnamed-macro
def zig_toolchains(exec_compatible_with, files):
    """Declares a toolchain for every platform of //tests/platforms, named as the platform.

    Args:
      exec_compatible_with: constraint values of the host that zig is fetched for
      files: the repository in which zig_cc_toolchains was called
    """
    for name, target in PLATFORMS.items():
        native.toolchain(
            name = name,
            exec_compatible_with = exec_compatible_with,
            target_compatible_with = constraint_values(target),
            toolchain = "{}//:{}".format(files, name),
            toolchain_type = "@bazel_tools//tools/cpp:toolchain_type",
        )

# buildifier: disable=unnamed-macro
def zig_cc_toolchains():
    """Declares a cc_toolchain for every platform of //tests/platforms, named as the platform.

    To be called in the package that holds zig: Bazel looks for the tools, and for the headers that need no declaration,
    below the package of the cc_toolchain.
    """
    native.filegroup(name = "no_files")
    native.filegroup(
        name = "ar_files",
        srcs = ["zig", "zig-ar"],
    )
    native.filegroup(
        name = "common_compile_files",
        srcs = ["module.modulemap", "zig", "zig-cc"] + native.glob([
            "lib/include/**",
            "lib/libcxx/include/**",
            "lib/libcxxabi/include/**",
            "lib/libunwind/include/**",
        ]),
    )

    # The sources of what zig makes for a link.
    native.filegroup(
        name = "common_link_files",
        srcs = native.glob(["lib/**"], exclude = ["lib/libc/**"]),
    )
    for name, target in PLATFORMS.items():
        libc = _LIBC[_libc(target)]
        arch = "x86*" if target.cpu == "x86_64" else target.cpu
        native.filegroup(
            name = name + "_compile_files",
            srcs = [":common_compile_files"] + native.glob(
                ["lib/libc/include/{}/**".format(headers.format(arch = arch)) for headers in libc.headers],
            ),
        )
        native.filegroup(
            name = name + "_link_files",
            srcs = [
                ":common_link_files",
                name + "_compile_files",
            ] + native.glob(["lib/libc/{}/**".format(sources) for sources in libc.sources]),
        )
        zig_cc_toolchain_config(
            name = name + "_config",
            cpu = target.cpu,
            libc = _libc(target),
            os = target.os,
            zig = target.zig,
        )
        cc_toolchain(
            name = name,
            all_files = name + "_link_files",
            ar_files = ":ar_files",
            as_files = name + "_compile_files",
            compiler_files = name + "_compile_files",
            dwp_files = ":no_files",
            linker_files = name + "_link_files",
            module_map = ":module.modulemap",
            objcopy_files = ":no_files",
            strip_files = ":no_files",
            supports_param_files = True,
            toolchain_config = name + "_config",
        )
