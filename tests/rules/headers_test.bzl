"""Analysis tests of mimalloc_headers and mimalloc_library."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts")
load("@rules_cc//cc/common:cc_info.bzl", "CcInfo")
load("//rules:defs.bzl", "MimallocTlsInfo", "mimalloc_headers", "mimalloc_library")

def _action(env, mnemonic):
    found = [a for a in analysistest.target_actions(env) if a.mnemonic == mnemonic]
    asserts.equals(env, 1, len(found), "actions " + mnemonic)
    return found[0]

def _headers_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    action = _action(env, "MimallocTlsPatch")

    outputs = [f.short_path for f in action.outputs.to_list()]
    asserts.equals(env, [
        "tests/rules/headers.report.json",
        "tests/rules/headers.witness.c",
        "tests/rules/headers/mimalloc.h",
        "tests/rules/headers/mimalloc/prim-tls.h",
        "tests/rules/headers/mimalloc/prim.h",
    ], sorted(outputs))

    # The patcher is a tool of the exec configuration, and the only other input.
    inputs = [f for f in action.inputs.to_list() if not f.short_path.startswith("tests/rules/")]
    asserts.equals(env, ["patch_headers"], [f.basename for f in inputs if "patch_headers" in f.path])
    asserts.equals(env, 0, len([a for a in action.argv[1:] if a.startswith("/")]), "absolute paths")
    asserts.equals(env, ["mimalloc.h", "tests/rules/tree/mimalloc.h"], action.argv[3:5])

    info = target[MimallocTlsInfo]
    asserts.equals(env, "9.9.9", info.version)
    asserts.equals(env, "tests/rules/headers/mimalloc/prim-tls.h", info.header.short_path)
    asserts.equals(env, "tests/rules/headers.report.json", info.report.short_path)
    asserts.true(env, info.include_dir.endswith("/tests/rules/headers"), info.include_dir)

    # The patched tree is the only include path.
    context = target[CcInfo].compilation_context
    asserts.equals(env, [info.include_dir], context.system_includes.to_list())
    asserts.equals(env, [], context.includes.to_list())

    asserts.equals(env, [info.report], target[OutputGroupInfo].mimalloc_tls_report.to_list())
    asserts.equals(env, ["headers.witness.c"], [f.basename for f in target[OutputGroupInfo].mimalloc_tls_witness.to_list()])
    return analysistest.end(env)

_headers_test = analysistest.make(_headers_test_impl)

def _failure_test_impl(ctx):
    env = analysistest.begin(ctx)
    asserts.expect_failure(env, ctx.attr.message)
    return analysistest.end(env)

_failure_test = analysistest.make(
    _failure_test_impl,
    attrs = {"message": attr.string(mandatory = True)},
    expect_failure = True,
)

def _sources_test_impl(ctx):
    """The sources that a library compiles on a platform."""
    env = analysistest.begin(ctx)
    sources = [
        f.basename
        for a in analysistest.target_actions(env)
        if a.mnemonic == "CppCompile"
        for f in a.inputs.to_list()
        if f.extension == "c" and f.path in a.argv
    ]
    asserts.equals(env, ctx.attr.sources, sorted(sources))
    return analysistest.end(env)

_linux_test = analysistest.make(
    _sources_test_impl,
    attrs = {"sources": attr.string_list()},
    config_settings = {"//command_line_option:platforms": [Label("//tests/platforms:linux_x86_64")]},
)

_macos_test = analysistest.make(
    _sources_test_impl,
    attrs = {"sources": attr.string_list()},
    config_settings = {"//command_line_option:platforms": [Label("//tests/platforms:macos_arm64")]},
)

_TREE = ["tree/mimalloc.h", "tree/mimalloc/prim.h", "tree/mimalloc/prim-tls.h"]

def headers_test_suite(name):
    """Declares the tests.

    Args:
        name: of the test suite.
    """
    mimalloc_headers(name = "headers", hdrs = _TREE, tags = ["manual"], version = "9.9.9")
    _headers_test(name = "headers_action_test", target_under_test = ":headers")

    for case, hdrs, message in [
        ("no_header", ["tree/mimalloc.h"], "hdrs: expected one of mimalloc/prim/prim-tls.h, mimalloc/prim-tls.h, mimalloc/prim.h among them, got none"),
        ("no_mimalloc_h", ["tree/mimalloc/prim.h"], "hdrs: expected one file named mimalloc.h among them, got 0"),
        ("two_mimalloc_h", _TREE + ["other/mimalloc.h"], "hdrs: expected one file named mimalloc.h among them, got 2"),
        ("stray", _TREE + ["other/stray.h"], "hdrs: expected files of one include directory, tests/rules/tree/, got tests/rules/other/stray.h"),
    ]:
        mimalloc_headers(name = case, hdrs = hdrs, tags = ["manual"])
        _failure_test(name = case + "_test", message = message, target_under_test = ":" + case)

    mimalloc_library(name = "checked", srcs = ["tree/static.c"], hdrs = _TREE, tags = ["manual"])
    mimalloc_library(name = "pinned", srcs = ["tree/static.c"], check = False, hdrs = _TREE, tags = ["manual"])
    mimalloc_library(name = "refused", srcs = ["tree/static.c"], hdrs = _TREE, refuse_thread_local = "a reason", tags = ["manual"])
    _macos_test(name = "refused_macos_test", target_under_test = ":refused-embedded", sources = ["refused-refused-thread-local.c"])
    _linux_test(name = "refused_linux_test", target_under_test = ":refused-embedded", sources = ["refused-tls-check.witness.c", "static.c"])
    _linux_test(name = "checked_linux_test", target_under_test = ":checked-embedded", sources = ["checked-tls-check.witness.c", "static.c"])
    _linux_test(name = "checked_override_linux_test", target_under_test = ":checked", sources = ["checked-tls-check.witness.c", "static.c"])
    _macos_test(name = "checked_macos_test", target_under_test = ":checked-embedded", sources = ["checked-tls-headers.witness.c", "static.c"])
    _linux_test(name = "pinned_linux_test", target_under_test = ":pinned-embedded", sources = ["static.c"])
    _macos_test(name = "pinned_macos_test", target_under_test = ":pinned-embedded", sources = ["pinned-tls-headers.witness.c", "static.c"])

    native.test_suite(
        name = name,
        tests = [
            "checked_linux_test",
            "checked_macos_test",
            "checked_override_linux_test",
            "headers_action_test",
            "no_header_test",
            "no_mimalloc_h_test",
            "pinned_linux_test",
            "pinned_macos_test",
            "refused_linux_test",
            "refused_macos_test",
            "stray_test",
            "two_mimalloc_h_test",
        ],
    )
