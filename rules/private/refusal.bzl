"""mimalloc_refusal: a source file that cannot be built, with the reason."""

load("//rules:toolchain.bzl", "PATCHER_TOOLCHAIN_TYPE")

def _mimalloc_refusal_impl(ctx):
    source = ctx.actions.declare_file(ctx.label.name + ".c")
    args = ctx.actions.args()
    args.add(ctx.attr.reason, format = "-refuse=%s")
    ctx.actions.run(
        executable = ctx.toolchains[PATCHER_TOOLCHAIN_TYPE].mimalloc_patcher.patch_headers,
        arguments = [args],
        outputs = [source],
        mnemonic = "MimallocRefusal",
        progress_message = "Refusing to build %{label}",
        toolchain = PATCHER_TOOLCHAIN_TYPE,
    )
    return [DefaultInfo(files = depset([source]))]

mimalloc_refusal = rule(
    implementation = _mimalloc_refusal_impl,
    doc = """\
Fails the build of whatever compiles it, when it is built.

`target_compatible_with` would skip the target silently where an error is
wanted, and `fail()` would stop the analysis of everything else as well.
""",
    attrs = {"reason": attr.string(mandatory = True, doc = "What the error says.")},
    toolchains = [PATCHER_TOOLCHAIN_TYPE],
)
