"""The platforms that tests and examples build for: one table for platform() targets and the zig toolchains."""

def _target(os, cpu, zig, libc = None, environment = None):
    return struct(
        cpu = cpu,
        environment = environment,
        libc = libc,
        os = os,
        zig = zig,
    )

# Name of the platform -> what it consists of. `os` and `cpu` are constraint values of @platforms, `libc` and
# `environment` those of this package (None: the default), `zig` is the triple with the oldest system version that
# the objects are for. watchOS has run arm64 code (not arm64_32) only since 26.
PLATFORMS = {
    "ios_arm64": _target("ios", "aarch64", "aarch64-ios.15.0"),
    "ios_sim_arm64": _target("ios", "aarch64", "aarch64-ios.15.0-simulator", environment = "simulator"),
    "ios_sim_x86_64": _target("ios", "x86_64", "x86_64-ios.15.0-simulator", environment = "simulator"),
    "linux_aarch64": _target("linux", "aarch64", "aarch64-linux-gnu.2.28"),
    "linux_aarch64_musl": _target("linux", "aarch64", "aarch64-linux-musl", libc = "musl"),
    "linux_x86_64": _target("linux", "x86_64", "x86_64-linux-gnu.2.28"),
    "linux_x86_64_musl": _target("linux", "x86_64", "x86_64-linux-musl", libc = "musl"),
    "macos_arm64": _target("macos", "aarch64", "aarch64-macos.11.0"),
    "macos_x86_64": _target("macos", "x86_64", "x86_64-macos.11.0"),
    "tvos_arm64": _target("tvos", "aarch64", "aarch64-tvos.15.0"),
    "tvos_sim_arm64": _target("tvos", "aarch64", "aarch64-tvos.15.0-simulator", environment = "simulator"),
    "visionos_arm64": _target("visionos", "aarch64", "aarch64-visionos.1.0"),
    "visionos_sim_arm64": _target("visionos", "aarch64", "aarch64-visionos.1.0-simulator", environment = "simulator"),
    "watchos_arm64": _target("watchos", "aarch64", "aarch64-watchos.26.0"),
    "watchos_sim_arm64": _target("watchos", "aarch64", "aarch64-watchos.8.0-simulator", environment = "simulator"),
    "windows_x86_64": _target("windows", "x86_64", "x86_64-windows-gnu"),
}

def constraint_values(target):
    """The constraint values of one row.

    All that can tell two rows apart is named, defaults too: this is also what a toolchain is compatible with.

    Args:
      target: a value of PLATFORMS

    Returns:
      labels as strings, which mean the same in any repository
    """
    return [
        str(Label(label))
        for label in [
            "@platforms//os:" + target.os,
            "@platforms//cpu:" + target.cpu,
            "//tests/platforms:zig",
            "//tests/platforms:" + (target.libc or "glibc"),
            "//tests/platforms:" + (target.environment or "device"),
        ]
    ]
