"""mimalloc_tls_audit: an aspect that audits what is built."""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")
load("//rules:toolchain.bzl", "AUDITOR_TOOLCHAIN_TYPE")
load(":audit_params.bzl", "add_files")

MimallocTlsAuditInfo = provider(
    doc = "What the aspect `mimalloc_tls_audit` found in a target and in all that it depends on.",
    fields = {
        "reports": "depset of File: for each target with files to audit the findings, a JSON object a line (see `mimalloc-tls audit --json`).",
    },
)

# Whether a file may hold Mach-O cannot be seen here. These are the names that linkers, archivers and packagers give what
# does; the auditor looks at the content. Without an extension are programs and the images of frameworks.
_EXTENSIONS = [
    "",
    "a",
    "app",
    "appex",
    "bundle",
    "dylib",
    "framework",
    "ipa",
    "lo",
    "node",
    "o",
    "pic.a",
    "pic.lo",
    "pic.o",
    "so",
    "tbz2",
    "tgz",
    "txz",
    "whl",
    "xcframework",
    "zip",
]

# Attributes whose files are used by the build and do not become part of what it makes.
_TOOL_ATTRIBUTES = ["exec_tools", "tool", "toolchain", "toolchains", "tools"]

def _is_candidate(file):
    # lib.so.1.2 has the extension 2.
    return file.extension in _EXTENSIONS or ".so." in file.basename or ".dylib." in file.basename or ".tar." in file.basename

def _candidates(target, rule):
    """The files that a target makes, and the source files that it is made of."""
    info = target[DefaultInfo]
    files = [f for f in info.files.to_list() if _is_candidate(f)]
    for name in dir(rule.files):
        # A struct lists its methods, too.
        value = getattr(rule.files, name)
        if type(value) == "list" and not name.startswith("_") and name not in _TOOL_ATTRIBUTES:
            files += [f for f in value if f.is_source and _is_candidate(f)]
    return depset(files).to_list()

def _dependencies(rule):
    found = []
    for name in dir(rule.attr):
        value = getattr(rule.attr, name)
        if type(value) == "dict":
            values = value.keys() + value.values()
        else:
            values = value if type(value) == "list" else [value]
        found += [v[MimallocTlsAuditInfo].reports for v in values if type(v) == "Target" and MimallocTlsAuditInfo in v]
    return found

def _mimalloc_tls_audit_impl(target, ctx):
    reports = []

    # There is no other way to ask whether this is the exec configuration. A toolchain is a tool, too, in any.
    tool = "-exec" in ctx.bin_dir.path or platform_common.ToolchainInfo in target
    files = [] if tool else _candidates(target, ctx.rule)
    if files:
        report = ctx.actions.declare_file(ctx.label.name + ".mimalloc_tls.jsonl")
        args = ctx.actions.args()
        args.use_param_file("@%s", use_always = True)
        args.set_param_file_format("multiline")
        args.add(report, format = "-report=%s")
        args.add_all(ctx.attr._deny[BuildSettingInfo].value, format_each = "-deny=%s")
        args.add("-allow-empty")
        if ctx.attr._allow_unknown[BuildSettingInfo].value:
            args.add("-allow-unknown")
        add_files(args, ctx.label, files, short_paths = False)
        ctx.actions.run(
            executable = ctx.toolchains[AUDITOR_TOOLCHAIN_TYPE].mimalloc_auditor.audit_targets,
            arguments = [args],
            inputs = files,
            outputs = [report],
            mnemonic = "MimallocTlsAudit",
            progress_message = "Auditing mimalloc's TLS model in %{label}",
            toolchain = AUDITOR_TOOLCHAIN_TYPE,
        )
        reports.append(report)
    all = depset(reports, transitive = _dependencies(ctx.rule))
    return [
        MimallocTlsAuditInfo(reports = all),
        OutputGroupInfo(mimalloc_tls = all),
    ]

mimalloc_tls_audit = aspect(
    implementation = _mimalloc_tls_audit_impl,
    doc = "Audits the Mach-O files of a target and of all that it depends on, generated ones and source files.",
    apply_to_generating_rules = True,
    attr_aspects = ["*"],
    attrs = {
        "_allow_unknown": attr.label(default = "//rules/flags:audit_allow_unknown"),
        "_deny": attr.label(default = "//rules/flags:audit_deny"),
    },
    provides = [MimallocTlsAuditInfo],
    toolchains = [AUDITOR_TOOLCHAIN_TYPE],
)
