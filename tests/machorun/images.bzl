"""machorun_images and machorun_test: what tests of this folder run, and how they find it."""

load("@rules_cc//cc:cc_library.bzl", "cc_library")
load("@rules_cc//cc:cc_shared_library.bzl", "cc_shared_library")
load("@rules_go//go:def.bzl", "go_test")
load("//tests/platforms:transition.bzl", "platform_files")

# The architectures of Macs, as tests and platforms name them.
ARCHITECTURES = ["arm64", "x86_64"]

def machorun_images(name, mimalloc, copts = []):
    """Builds an addon with a mimalloc inside, a shared library as users ship it, for Macs.

    The targets are NAME_ARCHITECTURE.

    Args:
        name: of the image in tests.
        mimalloc: what the addon depends on, an `-embedded` target of the public rules.
        copts: options of the whole build, as a user would give them by `--copt`.
    """
    cc_library(
        name = name + "_addon",
        testonly = True,
        srcs = ["driver/addon.c"],
        hdrs = ["driver/addon.h"],
        tags = ["manual"],
        deps = [mimalloc],
    )
    cc_shared_library(
        name = name,
        testonly = True,
        tags = ["manual"],
        deps = [name + "_addon"],
    )
    for architecture in ARCHITECTURES:
        platform_files(
            name = "{}_{}".format(name, architecture),
            testonly = True,
            srcs = [name],
            compilation_mode = "opt",
            copts = copts,
            platform = "//tests/platforms:macos_" + architecture,
            tags = ["manual"],
        )

def machorun_test(name, srcs, images, loader_only = False, **kwargs):
    """A Go test that runs images, on each architecture.

    Args:
        name: of the test.
        srcs: Go files.
        images: names of machorun_images.
        loader_only: whether the test needs the loader, and cannot run on a Mac.
        **kwargs: of go_test.
    """
    linux = ["machorun_linux_" + architecture for architecture in ARCHITECTURES]
    macos = ["machorun_macos_" + architecture for architecture in ARCHITECTURES]
    built = ["{}_{}".format(image, architecture) for image in images for architecture in ARCHITECTURES]
    variables = {
        "IMAGES": " ".join(["{0}=$(rootpath {0})".format(image) for image in built]),
    }
    go_test(
        name = name,
        srcs = srcs,
        data = built + select({
            "@platforms//os:macos": macos,
            "//conditions:default": linux,
        }),
        env = select({
            system: variables | {
                "MACHORUN": " ".join(["{}=$(rootpath {})".format(architecture, program) for architecture, program in zip(ARCHITECTURES, programs)]),
            }
            for system, programs in {
                "@platforms//os:macos": macos,
                "//conditions:default": linux,
            }.items()
        }),
        gotags = ["bazel"],
        pure = "on",
        rundir = ".",
        target_compatible_with = ["@platforms//os:linux"] if loader_only else select({
            "@platforms//os:linux": [],
            "@platforms//os:macos": [],
            "//conditions:default": ["@platforms//:incompatible"],
        }),
        deps = [":machorun"],
        **kwargs
    )
