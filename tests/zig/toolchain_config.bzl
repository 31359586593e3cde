"""What Bazel must know of `zig cc` to drive it for one target.

Most comes from the features that Bazel adds to every toolchain without `no_legacy_features` (they follow
`target_libc`: "macosx" is Mach-O). Here is what zig needs besides, and what goes into outputs that are the same on any
machine.
"""

load("@rules_cc//cc:action_names.bzl", "ACTION_NAMES")
load(
    "@rules_cc//cc:cc_toolchain_config_lib.bzl",
    "artifact_name_pattern",
    "feature",
    "feature_set",
    "flag_group",
    "flag_set",
    "tool_path",
    "variable_with_value",
    "with_feature_set",
)
load("@rules_cc//cc/common:cc_common.bzl", "cc_common")
load("@rules_cc//cc/toolchains:cc_toolchain_config_info.bzl", "CcToolchainConfigInfo")

_CC_COMPILE = [
    ACTION_NAMES.assemble,
    ACTION_NAMES.c_compile,
    ACTION_NAMES.cpp_compile,
    ACTION_NAMES.preprocess_assemble,
]

_DYNAMIC_LINK = [
    ACTION_NAMES.cpp_link_dynamic_library,
    ACTION_NAMES.cpp_link_nodeps_dynamic_library,
]

_LINK = _DYNAMIC_LINK + [ACTION_NAMES.cpp_link_executable]

def _flags(actions, flags, mode = None, unless = None, **kwargs):
    """A flag_set: `flags` for `actions`, in compilation mode `mode` only, unless the feature `unless` is enabled."""
    return flag_set(
        actions = actions,
        flag_groups = [flag_group(flags = flags, **kwargs)],
        with_features = [with_feature_set(
            features = [mode] if mode else [],
            not_features = [unless] if unless else [],
        )] if mode or unless else [],
    )

def _compile_flags(ctx):
    flags = [
        "-target",
        ctx.attr.zig,
        # zig turns it on, and what it reports to is not in other toolchains' links.
        "-fno-sanitize=undefined",
        # The directory that the compiler runs in is in debug information otherwise.
        "-ffile-compilation-dir=.",
        "-Wno-builtin-macro-redefined",
        "-D__DATE__=\"redacted\"",
        "-D__TIME__=\"redacted\"",
        "-D__TIMESTAMP__=\"redacted\"",
    ]
    if ctx.attr.libc == "darwin" and ctx.attr.os != "macos":
        # zig has the headers of all Apple systems in one directory, and adds it for macOS.
        flags += ["-idirafter", ctx.label.workspace_root + "/lib/libc/include/any-darwin-any"]
    return flags

def _features(ctx):
    apple = ctx.attr.libc == "darwin"
    windows = ctx.attr.libc == "mingw"
    features = [
        feature(name = "dbg"),
        feature(name = "fastbuild"),
        feature(name = "opt"),
        feature(name = "supports_pic", enabled = not (apple or windows)),  # there all code is
        feature(
            name = "zig",
            enabled = True,
            flag_sets = [
                _flags(_CC_COMPILE, _compile_flags(ctx)),
                # So that zig looks for libc++'s headers.
                _flags([ACTION_NAMES.cpp_compile], ["-lc++"]),
                # zig's own default is -g. In CodeView it writes the name of a temporary file.
                _flags(_CC_COMPILE, ["-g0" if windows else "-g"], mode = "dbg"),
                _flags(_CC_COMPILE, ["-g0"], mode = "fastbuild"),
                _flags(_CC_COMPILE, ["-g0", "-O2", "-DNDEBUG"], mode = "opt"),
                # Without symbols for debuggers: on Mach-O they name the objects by absolute path, and elsewhere those of
                # zig's own libraries name its cache.
                _flags(_LINK, ["-target", ctx.attr.zig, "-fno-sanitize=undefined", "-Wl,-S"]),
            ] + ([] if ctx.attr.libc in ["mingw", "musl"] else [
                # compiler-rt is in libSystem on Apple systems, and most C does not need it on glibc.
                _flags(_LINK, ["-rtlib=none"], unless = "zig_runtime"),
            ]),
        ),
        # Opt-in, by `features = ["zig_runtime"]` of what is linked: zig builds libc++ and compiler-rt when they are
        # asked for, which takes a minute per target.
        feature(name = "zig_runtime", flag_sets = [_flags(_LINK, ["-lc++"])]),
        feature(name = "external_include_paths", flag_sets = [_flags(
            _CC_COMPILE,
            ["-isystem", "%{external_include_paths}"],
            iterate_over = "external_include_paths",
            expand_if_available = "external_include_paths",
        )]),
    ]
    return features + _layering_features() + (_mach_o_features() if apple else [])

def _layering_features():
    """`--features=layering_check`: an include must be of a header of a direct dependency."""
    actions = [ACTION_NAMES.c_compile, ACTION_NAMES.cpp_compile]
    return [
        feature(name = "module_maps", enabled = True),
        feature(
            name = "use_module_maps",
            flag_sets = [_flags(
                actions,
                ["-fmodule-name=%{module_name}", "-fmodule-map-file=%{module_map_file}"],
            )],
            requires = [feature_set(features = ["module_maps"])],
        ),
        feature(
            name = "layering_check",
            flag_sets = [
                _flags(actions, ["-fmodules-strict-decluse", "-Wprivate-header"]),
                _flags(
                    actions,
                    ["-fmodule-map-file=%{dependent_module_map_files}"],
                    iterate_over = "dependent_module_map_files",
                ),
            ],
            implies = ["use_module_maps"],
        ),
    ]

def _mach_o_features():
    """Where Bazel assumes Apple's own tools on Mach-O."""

    def archived(type, **kwargs):
        return flag_group(
            expand_if_equal = variable_with_value(name = "libraries_to_link.type", value = type),
            **kwargs
        )

    return [
        # Bazel's default is for libtool.
        feature(
            name = "archiver_flags",
            flag_sets = [flag_set(
                actions = [ACTION_NAMES.cpp_link_static_library],
                flag_groups = [
                    flag_group(flags = ["rcsD", "%{output_execpath}"], expand_if_available = "output_execpath"),
                    flag_group(
                        expand_if_available = "libraries_to_link",
                        flag_groups = [
                            archived("object_file", flags = ["%{libraries_to_link.name}"]),
                            archived(
                                "object_file_group",
                                flags = ["%{libraries_to_link.object_files}"],
                                iterate_over = "libraries_to_link.object_files",
                            ),
                        ],
                        iterate_over = "libraries_to_link",
                    ),
                ],
            )],
        ),
        # Else it is the path below bazel-out.
        feature(
            name = "set_install_name",
            enabled = True,
            flag_sets = [_flags(
                _DYNAMIC_LINK,
                ["-Wl,-install_name,@rpath/%{runtime_solib_name}"],
                expand_if_available = "runtime_solib_name",
            )],
        ),
    ]

def _zig_cc_toolchain_config_impl(ctx):
    apple = ctx.attr.libc == "darwin"
    patterns = []
    if apple:
        patterns = [artifact_name_pattern("dynamic_library", "lib", ".dylib")]
    elif ctx.attr.libc == "mingw":
        patterns = [
            artifact_name_pattern("dynamic_library", "", ".dll"),
            artifact_name_pattern("executable", "", ".exe"),
            artifact_name_pattern("interface_library", "", ".if.lib"),
        ]
    return cc_common.create_cc_toolchain_config_info(
        ctx = ctx,
        artifact_name_patterns = patterns,
        compiler = "clang",
        cxx_builtin_include_directories = ["lib"],
        features = _features(ctx),
        target_cpu = ("darwin_" if apple else "") + ctx.attr.cpu,
        target_libc = "macosx" if apple else ctx.attr.libc,
        target_system_name = ctx.attr.zig,
        tool_paths = [
            tool_path(name = "ar", path = "zig-ar"),
            tool_path(name = "gcc", path = "zig-cc"),
        ] + [
            # Bazel wants to have heard of them; no action runs them.
            tool_path(name = name, path = "/bin/false")
            for name in ["cpp", "gcov", "ld", "nm", "objcopy", "objdump", "strip"]
        ],
        toolchain_identifier = "zig-" + ctx.attr.zig,
    )

zig_cc_toolchain_config = rule(
    implementation = _zig_cc_toolchain_config_impl,
    doc = "CcToolchainConfigInfo for `zig cc -target`.",
    attrs = {
        "cpu": attr.string(mandatory = True, doc = "Name in @platforms//cpu."),
        "libc": attr.string(mandatory = True, doc = "`darwin` (Mach-O), `glibc`, `mingw` or `musl`."),
        "os": attr.string(mandatory = True, doc = "Name in @platforms//os."),
        "zig": attr.string(mandatory = True, doc = "zig's name for the target."),
    },
    provides = [CcToolchainConfigInfo],
)
