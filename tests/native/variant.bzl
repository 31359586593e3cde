"""cc_variant_test: a cc_test run in another configuration."""

_SETTINGS = {
    "compilation_mode": "//command_line_option:compilation_mode",
    "dynamic_mode": "//command_line_option:dynamic_mode",
    "features": "//command_line_option:features",
}
_FLAGS = [str(Label("//rules/flags:" + flag)) for flag in ["debug", "local_dynamic_tls", "secure"]]

def _transition_impl(settings, attr):
    result = {option: settings[option] for option in _SETTINGS.values() + _FLAGS}
    for name, option in _SETTINGS.items():
        value = getattr(attr, name if name != "features" else "with_features")
        if name == "features":
            result[option] = settings[option] + value
        elif value:
            result[option] = value
    for flag, value in attr.flags.items():
        result[str(Label("//rules/flags:" + flag))] = value == "True" if value in ["True", "False"] else value
    return result

_variant = transition(
    implementation = _transition_impl,
    inputs = _SETTINGS.values() + _FLAGS,
    outputs = _SETTINGS.values() + _FLAGS,
)

def _cc_variant_test_impl(ctx):
    test = ctx.attr.test[0]
    executable = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = executable, target_file = test[DefaultInfo].files_to_run.executable, is_executable = True)
    return [
        DefaultInfo(
            executable = executable,
            runfiles = ctx.runfiles().merge(test[DefaultInfo].default_runfiles),
        ),
        testing.ExecutionInfo({}),
    ]

cc_variant_test = rule(
    implementation = _cc_variant_test_impl,
    doc = "Runs a cc_test as it comes out with other options of the build.",
    test = True,
    attrs = {
        "compilation_mode": attr.string(doc = "-c"),
        "dynamic_mode": attr.string(doc = "--dynamic_mode"),
        "flags": attr.string_dict(doc = "//rules/flags:… and their values."),
        "test": attr.label(mandatory = True, cfg = _variant, doc = "The cc_test."),
        "with_features": attr.string_list(doc = "--features"),
    },
)

def cc_variant_tests(name, tests, variants):
    """Runs each test in each variant, as <test>_<variant>.

    Args:
        name: of a test suite of all of them.
        tests: names of cc_tests in this package.
        variants: dict of names to attributes of cc_variant_test.
    """
    for test in tests:
        for variant, options in variants.items():
            cc_variant_test(
                name = "{}_{}".format(test, variant),
                size = "small",
                test = test,
                **options
            )
    native.test_suite(
        name = name,
        tests = ["{}_{}".format(test, variant) for test in tests for variant in variants],
    )
