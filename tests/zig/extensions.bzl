"""Module extension `zig`: C and C++ for every platform of //tests/platforms, from any Linux or Mac, without an SDK.

For tests and examples, which is why it has no tags. In MODULE.bazel:

```starlark
zig = use_extension("@rules_mimalloc//tests/zig:extensions.bzl", "zig", dev_dependency = True)
use_repo(zig, "zig_sdk")
register_toolchains("@zig_sdk//:all", dev_dependency = True)
```

Then `--platforms=@rules_mimalloc//tests/platforms:ios_arm64` (or macos_x86_64, ...) builds with zig; builds for the host
platform go on with the host's compiler. `@zig_sdk//:zig_cc` is `zig cc` for tests that want to run a compiler themselves.

What links: executables, shared libraries, `cc_shared_library` and `linkshared` binaries, of C. What needs libc++ says
`features = ["zig_runtime"]` (Linux, macOS and Windows only). The first such link for a target, and the first of any kind
for musl and Windows, takes zig one to two minutes; it keeps what it made (see zig_cc.sh).

What zig has not: `-bundle` (it links an executable), `-exported_symbols_list` (read and ignored), `-fsyntax-only` (so,
no `parse_headers`). Frameworks other than libSystem are not there.

zig is the wheel `ziglang`, which pip fetches from where pip is set up to look, when the first target needs it.
"""

load(":sdk.bzl", "zig_sdk", "zig_sdk_files")

def _zig_impl(module_ctx):
    zig_sdk_files(name = "zig_sdk_files")
    zig_sdk(name = "zig_sdk")
    return module_ctx.extension_metadata(reproducible = True)

zig = module_extension(
    implementation = _zig_impl,
    doc = "Creates @zig_sdk (see the docstring of the file).",
)
