"""The module extension `mimalloc`: one repository per mimalloc.

```starlark
mimalloc = use_extension("@rules_mimalloc//mimalloc:extensions.bzl", "mimalloc")
mimalloc.release(version = "3.3.2")
use_repo(mimalloc, "mimalloc")
```

The root module decides: where it has a tag for a repository, tags of other
modules for the same name are ignored. Otherwise the highest release wins.
"""

load("//mimalloc/private:repository.bzl", "mimalloc_archive_repository", "mimalloc_local_repository")
load("//mimalloc/private:resolve.bzl", "resolve")

_NAME = attr.string(
    doc = "Name of the repository.",
    default = "mimalloc",
)

_KNOBS = {
    "override_on_apple": attr.string(
        doc = """What `@mimalloc` is on Apple platforms, where an override and a thread-local heap pointer do not go
together. `"refuse"`: its build fails, with the reason. `"system"`: nothing, so that the system's malloc stays; for a
global `--custom_malloc`. `"upstream"`: on macOS upstream's own override with upstream's TLS model; refused elsewhere.""",
        default = "refuse",
        values = ["refuse", "system", "upstream"],
    ),
    "tls_model": attr.string(
        doc = "Of `@mimalloc//:mimalloc-embedded` on Apple platforms: `\"thread_local\"`, or `\"upstream\"` for what upstream chooses.",
        default = "thread_local",
        values = ["thread_local", "upstream"],
    ),
}

_PATCHES = {
    "patch_strip": attr.int(doc = "Leading path components that the patches name and the tree lacks."),
    "patches": attr.label_list(doc = "Patches to apply to the sources, in order."),
}

_release = tag_class(
    doc = "A release that this version of rules_mimalloc knows: its digest is in releases.json.",
    attrs = {
        "mirrors": attr.string_list(
            doc = "URLs to try first. `{version}` and `{tag}` in them become `3.3.2` and `v3.3.2`.",
        ),
        "name": _NAME,
        "version": attr.string(doc = "Such as `3.3.2`.", mandatory = True),
    } | _KNOBS,
)

_archive = tag_class(
    doc = "Any other source archive: a fork, a commit, a release newer than this version of rules_mimalloc.",
    attrs = {
        "integrity": attr.string(doc = "Digest of the archive, such as `sha256-…` in base64."),
        "name": _NAME,
        "sha256": attr.string(doc = "Digest of the archive in hexadecimal, in place of `integrity`."),
        "strip_prefix": attr.string(doc = "Directory in the archive that holds `include` and `src`."),
        "urls": attr.string_list(doc = "Where to get it, the first that answers.", mandatory = True),
    } | _KNOBS | _PATCHES,
)

_local = tag_class(
    doc = "A directory of the root module: a submodule or a vendored copy. Nothing is ever written into it.",
    attrs = {
        "name": _NAME,
        "path": attr.string(
            doc = "The directory that holds `include` and `src`, from the directory of the root module's MODULE.bazel, or absolute.",
            mandatory = True,
        ),
    } | _KNOBS,
)

def _mimalloc_impl(module_ctx):
    table = json.decode(module_ctx.read(Label("//mimalloc:releases.json")))
    requests = []
    for module in module_ctx.modules:
        for kind in ["release", "archive", "local"]:
            for tag in getattr(module.tags, kind):
                requests.append(struct(
                    kind = kind,
                    tag = tag,
                    root = module.is_root,
                    module = module.name or "the root module",
                    dev = module_ctx.is_dev_dependency(tag),
                ))
    direct, direct_dev = [], []
    for request in resolve(table, requests):
        tag = request.tag
        common = {
            "apparent_name": tag.name,
            "name": tag.name,
            "override_on_apple": tag.override_on_apple,
            "tls_model": tag.tls_model,
        }
        if request.kind == "local":
            mimalloc_local_repository(path = tag.path, **common)
        elif request.kind == "archive":
            mimalloc_archive_repository(
                urls = tag.urls,
                integrity = tag.integrity,
                sha256 = tag.sha256,
                strip_prefix = tag.strip_prefix,
                patches = tag.patches,
                patch_strip = tag.patch_strip,
                **common
            )
        else:
            release = request.release
            values = {"tag": release["tag"], "version": release["version"]}
            mimalloc_archive_repository(
                urls = [url.format(**values) for url in tag.mirrors + table["urls"]],
                sha256 = release["sha256"],
                strip_prefix = table["strip_prefix"].format(**values),
                pinned = "patch" in release,
                refuse_thread_local = release.get("refuse_thread_local", ""),
                **common
            )
        if request.root:
            (direct_dev if request.dev else direct).append(tag.name)
    return module_ctx.extension_metadata(
        reproducible = True,
        root_module_direct_deps = direct,
        root_module_direct_dev_deps = direct_dev,
    )

mimalloc = module_extension(
    implementation = _mimalloc_impl,
    doc = "Makes mimalloc available, with its TLS model on Apple platforms settled.",
    tag_classes = {
        "archive": _archive,
        "local": _local,
        "release": _release,
    },
)
