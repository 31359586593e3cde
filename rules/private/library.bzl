"""mimalloc_library: the targets of one mimalloc."""

load("@rules_cc//cc:cc_library.bzl", "cc_library")
load(":headers.bzl", "mimalloc_headers", "mimalloc_headers_check")
load(":refusal.bzl", "mimalloc_refusal")
load(":static_source.bzl", "mimalloc_static_source")
load(":upstream_headers.bzl", "mimalloc_upstream_headers")

_TLS_MODELS = ["thread_local", "upstream"]
_OVERRIDES = ["refuse", "system", "upstream"]

_MACOS = Label("@platforms//os:macos")
_APPLE_DEVICES = [
    Label("@platforms//os:" + os)
    for os in ["ios", "tvos", "watchos", "visionos"]
]

def _on_apple(apple, default):
    """A select between Apple platforms and all others."""
    return select({os: apple for os in [_MACOS] + _APPLE_DEVICES} | {"//conditions:default": default})

def _flag(name):
    return Label("//rules/flags:" + name)

# Compilers that take MSVC's options.
_MSVC = [Label("@rules_cc//cc/compiler:" + c) for c in ["msvc-cl", "clang-cl"]]

def _by_compiler(msvc, default):
    return select({c: msvc for c in _MSVC} | {"//conditions:default": default})

# What upstream's CMake passes (line numbers: CMakeLists.txt of 3.3.2), less its
# warning options and -march (a flag here), plus the optimisation of its
# default build type: an allocator compiled with -O0 and all assertions is of
# no use to anybody's fastbuild.
_COPTS = _by_compiler(
    msvc = ["/O2", "/TP", "/std:c++17", "/Zc:__cplusplus"],  # 5, 178, 513
    default = ["-O3"],
) + select({
    # Without -fvisibility=hidden (460) outside Apple: Bazel links the tests of
    # a library against a shared object of it.
    os: ["-fvisibility=hidden"]
    for os in [_MACOS] + _APPLE_DEVICES
} | {"//conditions:default": []}) + select({
    # 470-483
    Label("@platforms//os:windows"): [],
    _flag("local_dynamic"): ["-ftls-model=local-dynamic"],
    "//conditions:default": ["-ftls-model=initial-exec"],
}) + select({
    # 490-507
    _flag("opt_arch_arm64"): ["-march=armv8.1-a"],
    _flag("opt_arch_x86_64"): ["-march=haswell", "-mavx2"],
    "//conditions:default": [],
})

_DEFINES = [
    "MI_STATIC_LIB",  # 708
    "MI_BUILD_RELEASE",  # 615
    "MI_CMAKE_BUILD_TYPE=release",  # 613
] + select({
    # 235-242
    _flag("secure_on"): ["MI_SECURE=4"],
    _flag("secure_full"): ["MI_SECURE=5"],
    "//conditions:default": [],
}) + select({
    # 333-348
    _flag("debug_on"): ["MI_DEBUG=1"],
    _flag("debug_internal"): ["MI_DEBUG=2"],
    _flag("debug_full"): ["MI_DEBUG=3"],
    "//conditions:default": ["NDEBUG"],
}) + select({
    # 417-420
    _flag("libc_musl_on"): ["MI_LIBC_MUSL=1"],
    "//conditions:default": [],
}) + select({
    # 524
    _flag("windows_gnu"): ["_WIN32_WINNT=0x600"],
    "//conditions:default": [],
})

# 3.6 gives these a value of its own in every build (lines of its CMakeLists.txt).
_DEFINES_3_6 = [
    "MI_GUARDED=0",  # 482
    "MI_STATS=1",  # 530
    "MI_PROFILE=1",  # 549
] + select({
    Label("@platforms//os:windows"): [],
    "//conditions:default": ["MI_HAS_UNISTDH=1", "MI_HAS_EXECINFOH=1"],  # 912-916
}) + select({
    Label("@platforms//os:linux"): ["MI_DEFAULT_ALLOW_THP=2"],  # 632
    Label("@platforms//os:android"): ["MI_DEFAULT_ALLOW_THP=0"],  # 638
    "//conditions:default": [],
})

_WINDOWS_LIBRARIES = ["psapi", "shell32", "user32", "advapi32", "bcrypt"]  # 560

_LINKOPTS = _by_compiler(msvc = ["-DEFAULTLIB:" + lib + ".lib" for lib in _WINDOWS_LIBRARIES], default = []) + select({
    _flag("windows_gnu"): ["-l" + lib for lib in _WINDOWS_LIBRARIES],
    Label("@platforms//os:linux"): ["-pthread", "-lrt"],  # 562-573
    "//conditions:default": [],
})

def _at_least(version, major, minor):
    """Whether a version is known and not older."""
    numbers = version.split(".")
    if len(numbers) < 2 or not numbers[0].isdigit() or not numbers[1].isdigit():
        return False
    return (int(numbers[0]), int(numbers[1])) >= (major, minor)

def mimalloc_library(
        name,
        hdrs,
        srcs,
        version = "",
        tls_model = "thread_local",
        override_on_apple = "refuse",
        check = True,
        refuse_thread_local = "",
        visibility = None,
        tags = []):
    """A whole mimalloc, from sources anywhere.

    It makes these targets:

    * `<name>` overrides malloc: for `cc_binary(malloc = …)` and `--custom_malloc`.
    * `<name>-embedded` leaves malloc alone: an instance of mimalloc for one addon,
      extension or application, called by name (`mi_malloc`, …). Final images depend
      on it; it and an override do not go into the same executable.
    * `<name>-api` and `<name>-stats`: the headers alone, for libraries.
    * `<name>-tls-headers`: the patched include tree, with `MimallocTlsInfo`.

    `<name>` and `<name>-tls-headers` are built where something uses them or names them, not by `//...`.

    Args:
        name: prefix of all targets.
        hdrs: all files of mimalloc's include directory.
        srcs: all files of mimalloc's src directory.
        version: mimalloc's version, such as `"3.3.2"`, `""` where it is not known.
            It decides nothing but the defines that upstream's build passes since 3.6.
        tls_model: of `<name>-embedded` on Apple platforms: `"thread_local"`, or `"upstream"`
            for what upstream chooses.
        override_on_apple: what `<name>` is on Apple platforms. `"refuse"`: its build fails,
            with the reason. `"system"`: nothing at all, so that the system's malloc stays; for
            a global `--custom_malloc`. `"upstream"`: on macOS upstream's own override, with its
            own TLS model, and refused elsewhere.
        check: whether headers the patcher does not know fail the build on platforms other than
            Apple's too. Off only for sources whose bytes are pinned and known.
        refuse_thread_local: why these sources, although their header can be patched, are not to be
            used with the thread-local model: `<name>-embedded` then fails to build on Apple platforms
            and says so.
        visibility: of the targets named above.
        tags: of all targets.
    """
    if tls_model not in _TLS_MODELS:
        fail("mimalloc_library %s: tls_model: expected one of %s, got %r" % (name, _TLS_MODELS, tls_model))
    if override_on_apple not in _OVERRIDES:
        fail("mimalloc_library %s: override_on_apple: expected one of %s, got %r" % (name, _OVERRIDES, override_on_apple))
    patch = tls_model == "thread_local"

    # Manual, because a wildcard is not to build what nothing needs: the patched headers want Go, and what is refused
    # fails.
    private = {"tags": tags + ["manual"], "visibility": ["//visibility:private"]}
    public = {"tags": tags, "visibility": visibility}
    on_demand = {"tags": tags + ["manual"], "visibility": visibility}

    mimalloc_upstream_headers(name = name + "-upstream-headers", hdrs = hdrs, **private)
    mimalloc_headers(name = name + "-tls-headers", hdrs = hdrs, version = version, **on_demand)
    native.filegroup(
        name = name + "-tls-witness",
        srcs = [name + "-tls-headers"],
        output_group = "mimalloc_tls_witness",
        **private
    )
    witness = []
    if check and patch:
        mimalloc_headers_check(name = name + "-tls-check", hdrs = hdrs, **private)
        native.filegroup(
            name = name + "-check-witness",
            srcs = [name + "-tls-check"],
            output_group = "mimalloc_tls_witness",
            **private
        )
        witness = [name + "-check-witness"]

    upstream = [name + "-upstream-headers"]
    headers = _on_apple([name + "-tls-headers"], upstream) if patch else upstream
    mimalloc_static_source(name = name + "-static-source", srcs = srcs, **private)
    cc_library(
        name = name + "-sources",
        textual_hdrs = srcs,
        **private
    )
    cc_library(
        name = name + "-api",
        hdrs = headers,
        deps = headers,
        **public
    )
    native.alias(
        name = name + "-stats",
        actual = name + "-api",
        **public
    )

    defines = _DEFINES + (_DEFINES_3_6 if _at_least(version, 3, 6) else [])
    static = [name + "-static-source"]
    embedded = static
    if patch:
        on_apple = static + [name + "-tls-witness"]
        if refuse_thread_local:
            on_apple = [name + "-refused-thread-local"]
            mimalloc_refusal(
                name = on_apple[0],
                reason = "%s is not built with the thread-local model: %s" % (_title(version), refuse_thread_local),
                **private
            )
        embedded = _on_apple(on_apple, static + witness)
    cc_library(
        name = name + "-embedded",
        srcs = embedded,
        hdrs = headers,
        copts = _COPTS,
        implementation_deps = [name + "-sources"],
        linkopts = _LINKOPTS,
        local_defines = defines,
        tags = tags + ["LINKABLE_MORE_THAN_ONCE"],
        visibility = visibility,
        deps = headers,
    )

    for os in ["macOS", "iOS, tvOS, watchOS or visionOS"]:
        mimalloc_refusal(
            name = "{}-refused-{}".format(name, "macos" if os == "macOS" else "devices"),
            reason = _refusal(name, version, os),
            **private
        )
    refused_on_macos = [name + "-refused-macos"]
    override = static + witness
    cc_library(
        name = name,
        srcs = select({
            _MACOS: {"refuse": refused_on_macos, "system": [], "upstream": override}[override_on_apple],
            "//conditions:default": override,
        } | {
            os: [] if override_on_apple == "system" else [name + "-refused-devices"]
            for os in _APPLE_DEVICES
        }),
        hdrs = upstream,
        copts = _COPTS + _by_compiler(msvc = [], default = ["-fno-builtin-malloc"]),  # 490
        implementation_deps = [name + "-sources"],
        linkopts = _LINKOPTS,
        local_defines = defines + ["MI_MALLOC_OVERRIDE"] + select({
            # 834
            _MACOS: ["MI_OSX_ZONE=1", "MI_OSX_INTERPOSE=1"],  # 224, 232
            "//conditions:default": [],
        }),
        alwayslink = True,
        deps = upstream,
        **on_demand
    )

def _title(version):
    return "mimalloc " + version if version else "this mimalloc"

def _refusal(name, version, os):
    """The text of the error where the override is built for an Apple platform."""
    ways = [
        "depend on :%s-embedded and call mi_malloc by name" % name,
        "set override_on_apple = \"system\" to keep the system's malloc on Apple platforms (for a global --custom_malloc)",
    ]
    if os == "macOS":
        ways.append("set override_on_apple = \"upstream\" to insist on upstream's override with upstream's TLS model")
    return ("%s cannot override malloc on %s: with a thread-local heap pointer it would recurse, since dyld " +
            "allocates every new thread's thread-locals with malloc; upstream's own choice there is fixed slots, which all " +
            "copies of mimalloc in a process share, or since 3.4.4 pthread keys. Ways out: %s. See docs/override-on-apple.md of rules_mimalloc.") % (
        _title(version),
        os,
        "; or ".join(ways),
    )
