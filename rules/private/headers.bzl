"""mimalloc_headers and mimalloc_headers_check: the patcher's actions."""

load("@rules_cc//cc:find_cc_toolchain.bzl", "use_cc_toolchain")
load("@rules_cc//cc/common:cc_info.bzl", "CcInfo")
load("//rules:providers.bzl", "MimallocTlsInfo")
load("//rules:toolchain.bzl", "PATCHER_TOOLCHAIN_TYPE")
load(":include_tree.bzl", "HDRS_ATTR", "header_context", "relative_paths")

# Where releases keep the header that chooses the model, newest first.
_SELECTOR_HEADERS = [
    "mimalloc/prim/prim-tls.h",
    "mimalloc/prim-tls.h",
    "mimalloc/prim.h",
]

def _selector_header(ctx, files):
    for header in _SELECTOR_HEADERS:
        if header in files:
            return header
    fail("%s: hdrs: expected one of %s among them, got none" % (ctx.label, ", ".join(_SELECTOR_HEADERS)))

def _run_patcher(ctx, files, outputs, check, mnemonic, progress):
    """Declares the action; returns the report, and the output groups of report and witness."""
    report = ctx.actions.declare_file(ctx.label.name + ".report.json")
    witness = ctx.actions.declare_file(ctx.label.name + ".witness.c")
    args = ctx.actions.args()
    if check:
        args.add("-check")
    args.add(report, format = "-report=%s")
    args.add(witness, format = "-witness=%s")
    for rel, file in files.items():
        args.add(rel)
        args.add(file)
        if not check:
            args.add(outputs[rel])
    ctx.actions.run(
        executable = ctx.toolchains[PATCHER_TOOLCHAIN_TYPE].mimalloc_patcher.patch_headers,
        arguments = [args],
        inputs = files.values(),
        outputs = outputs.values() + [report, witness],
        mnemonic = mnemonic,
        progress_message = progress,
        toolchain = PATCHER_TOOLCHAIN_TYPE,
        execution_requirements = {"supports-path-mapping": "1"},
    )
    return report, OutputGroupInfo(
        mimalloc_tls_report = depset([report]),
        mimalloc_tls_witness = depset([witness]),
    )

def _mimalloc_headers_impl(ctx):
    files = relative_paths(ctx)
    selector = _selector_header(ctx, files)
    outputs = {rel: ctx.actions.declare_file(ctx.label.name + "/" + rel) for rel in files}
    report, groups = _run_patcher(
        ctx,
        files,
        outputs,
        check = False,
        mnemonic = "MimallocTlsPatch",
        progress = "Patching mimalloc's TLS model for Apple: %{label}",
    )
    include_dir = outputs["mimalloc.h"].dirname
    return [
        DefaultInfo(files = depset(outputs.values())),
        header_context(ctx, outputs.values(), include_dir),
        MimallocTlsInfo(
            header = outputs[selector],
            include_dir = include_dir,
            report = report,
            version = ctx.attr.version,
        ),
        groups,
    ]

mimalloc_headers = rule(
    implementation = _mimalloc_headers_impl,
    doc = """\
An include tree of mimalloc whose TLS model on Apple platforms is thread-local.

The tree is a complete copy under an output directory of its own; the files
given are not touched. A header the patcher does not know fails the build.
Whoever compiles mimalloc has to have this tree as its only include path: the
source in the output group `mimalloc_tls_witness` compiles nowhere else.

The output group `mimalloc_tls_report` holds the patcher's report.
""",
    attrs = {
        "hdrs": HDRS_ATTR,
        "version": attr.string(doc = "mimalloc's version, passed on in `MimallocTlsInfo`."),
    },
    provides = [CcInfo, MimallocTlsInfo],
    toolchains = [PATCHER_TOOLCHAIN_TYPE] + use_cc_toolchain(),
    fragments = ["cpp"],
)

def _mimalloc_headers_check_impl(ctx):
    report, groups = _run_patcher(
        ctx,
        relative_paths(ctx),
        outputs = {},
        check = True,
        mnemonic = "MimallocTlsCheck",
        progress = "Checking mimalloc's TLS model for Apple: %{label}",
    )
    return [DefaultInfo(files = depset([report])), groups]

mimalloc_headers_check = rule(
    implementation = _mimalloc_headers_check_impl,
    doc = """\
Fails the build where `mimalloc_headers` would, and patches nothing.

Its output group `mimalloc_tls_witness` holds a source without content: as a
source of mimalloc it makes the check an input of every build of it, also on
the platforms that compile upstream's own header.
""",
    attrs = {"hdrs": HDRS_ATTR},
    toolchains = [PATCHER_TOOLCHAIN_TYPE],
)
