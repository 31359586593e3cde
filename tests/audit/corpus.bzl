"""Repository rule behind the extension `audit_corpus`.

The archives come from the directory that the variable RULES_MIMALLOC_CORPUS names (bazelw makes one, and says so by
--repo_env), else through npm and pip, by name: they know the registries and mirrors of this machine. Either way each has
to have the sum in corpus.tsv.
"""

def _packages(text):
    """The packages of a table that are fetched in each test: tab-separated, # comments."""
    packages = {}
    for line in text.split("\n"):
        if line and not line.startswith("#"):
            set, registry, name, version, platform, file, _, _, _, _, _, _, archive, _, sha256 = line.split("\t")
            if set == "ci":
                packages.setdefault(archive, struct(
                    archive = archive,
                    files = [],
                    name = name,
                    platform = platform,
                    registry = registry,
                    sha256 = sha256,
                    version = version,
                )).files.append(file)
    return packages.values()

def _client(rctx, package):
    """The command line that puts a package's archive into the directory `fetch`."""
    if package.registry == "npm":
        npm = rctx.which("npm")
        return npm and [
            npm,
            "pack",
            "{}@{}".format(package.name, package.version),
            "--silent",
            "--pack-destination=fetch",
            "--cache=npm",
        ]
    python = rctx.which("python3")
    return python and [
        python,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-cache-dir",
        "--no-deps",
        "--only-binary=:all:",
        "--python-version=3.12",
        "--platform=" + package.platform,
        "--dest=fetch",
        "{}=={}".format(package.name, package.version),
    ]

def _fetch(rctx, package):
    command = _client(rctx, package)
    if not command:
        fail(("audit_corpus: needs {}, which fetches {}; there is none on PATH " +
              "(nor is the file in a directory that RULES_MIMALLOC_CORPUS names)").format(
            "npm" if package.registry == "npm" else "python3 with pip",
            package.archive,
        ))
    rctx.file("fetch/.keep")
    result = rctx.execute(command, timeout = 1800)
    if result.return_code:
        fail("audit_corpus: {} failed (exit code {}):\n{}{}".format(
            " ".join([str(argument) for argument in command]),
            result.return_code,
            result.stdout,
            result.stderr,
        ))
    return rctx.path("fetch").get_child(package.archive)

def _file_url(path):
    url = str(path)
    for character, code in [("%", "%25"), (" ", "%20"), ("#", "%23"), ("?", "%3F")]:
        url = url.replace(character, code)
    return "file://" + url if url.startswith("/") else "file:///" + url

def _keep(rctx, root, files):
    """Deletes what else is below a directory."""
    kept = {}
    for file in files:
        parts = file.split("/")
        for i in range(len(parts)):
            kept["/".join(parts[:i + 1])] = True
    for directory in [""] + [path for path in kept if path not in files]:
        for entry in rctx.path("{}/{}".format(root, directory)).readdir():
            if (directory + "/" if directory else "") + entry.basename not in kept:
                rctx.delete(entry)

def _audit_corpus_impl(rctx):
    provided = rctx.getenv("RULES_MIMALLOC_CORPUS")
    for package in _packages(rctx.read(rctx.attr._table)):
        file = rctx.path(provided).get_child(package.archive) if provided else None
        if not file or not file.exists:
            file = _fetch(rctx, package)

        # A download from a file is how a repository rule can check a sum. Bazel tells the type of an archive by its name.
        local = "archive.zip" if package.registry == "pypi" else "archive.tar.gz"
        rctx.download(_file_url(file), local, sha256 = package.sha256)
        root = "archives/" + package.archive
        rctx.extract(local, root)
        rctx.delete(local)
        _keep(rctx, root, package.files)
    rctx.delete("fetch")
    rctx.delete("npm")
    rctx.file("BUILD.bazel", """\
# The directory itself: one symlink for a test. It holds, for each archive, a directory of its name with the files of the table.
filegroup(
    name = "files",
    srcs = ["archives"],
    visibility = ["//visibility:public"],
)
""")

audit_corpus = repository_rule(
    implementation = _audit_corpus_impl,
    doc = "The files of corpus.tsv that each test audits.",
    attrs = {
        "_table": attr.label(default = "//tests/audit:corpus.tsv"),
    },
)
