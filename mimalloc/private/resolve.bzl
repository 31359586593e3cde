"""Which of the tags of all modules make the repositories."""

def resolve(table, requests):
    """Chooses one request per repository.

    Args:
        table: the decoded releases.json.
        requests: structs of `kind` ("release", "archive" or "local"), `tag`, `root`, `module` (its name) and `dev`.

    Returns:
        The chosen requests, each with `release`, its row of the table (None but for releases).
    """
    rank = {row["version"]: i for i, row in enumerate(table["releases"])}
    by_name = {}
    for request in requests:
        _check(table, rank, request)
        by_name.setdefault(request.tag.name, []).append(request)
    chosen = []
    for name, candidates in by_name.items():
        own = [r for r in candidates if r.root]
        winner = _only(name, own) if own else _highest(name, candidates, rank)
        chosen.append(struct(
            kind = winner.kind,
            tag = winner.tag,
            root = winner.root,
            dev = winner.dev,
            release = table["releases"][rank[winner.tag.version]] if winner.kind == "release" else None,
        ))
    return chosen

def is_absolute(path):
    """Whether a path is absolute, on any host.

    Args:
        path: as a user wrote it.

    Returns:
        True for `/src/mimalloc` and `C:/src/mimalloc`.
    """
    return path.startswith("/") or path[1:3] in [":/", ":\\"]

def _where(request):
    return "mimalloc.%s of %s" % (request.kind, request.module)

def _check(table, rank, request):
    if request.kind == "release" and request.tag.version not in rank:
        fail(_UNKNOWN_VERSION.format(
            where = _where(request),
            version = request.tag.version,
            known = ", ".join([row["version"] for row in table["releases"]]),
            name = request.tag.name,
            url = table["urls"][0].format(tag = "v" + request.tag.version, version = request.tag.version),
            strip_prefix = table["strip_prefix"].format(version = request.tag.version),
        ))
    if request.kind == "archive" and not request.tag.integrity and not request.tag.sha256:
        fail("%s: integrity: expected the digest of the archive there or in sha256, got none" % _where(request))
    if request.kind == "local" and not request.root and not is_absolute(request.tag.path):
        fail("%s: path: only the root module can name a directory by a relative path, got %r" % (_where(request), request.tag.path))

_UNKNOWN_VERSION = """{where}: version: "{version}" is not a release that this version of rules_mimalloc knows.
Known: {known}.
Any other source archive can be had with

mimalloc.archive(
    name = "{name}",
    urls = ["{url}"],
    integrity = "sha256-…",
    strip_prefix = "{strip_prefix}",
)

The build then stops where the patcher does not know its header: see docs/drift.md of rules_mimalloc."""

def _only(name, requests):
    if len(requests) > 1:
        fail("the root module has %d tags for the repository %s (%s): give each a name of its own" % (
            len(requests),
            name,
            ", ".join(["mimalloc." + r.kind for r in requests]),
        ))
    return requests[0]

def _highest(name, requests, rank):
    winner = requests[0]
    for request in requests[1:]:
        if request.kind != "release" or winner.kind != "release":
            fail("%s and %s both make the repository %s: let the root module say which, by a tag of its own" % (
                _where(winner),
                _where(request),
                name,
            ))
        if rank[request.tag.version] > rank[winner.tag.version]:
            winner = request
    return winner
