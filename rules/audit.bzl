"""The aspect that audits every Mach-O file of a build.

```
bazel build //... --aspects=@rules_mimalloc//rules:audit.bzl%mimalloc_tls_audit --output_groups=+mimalloc_tls
```

The build fails where a mimalloc has a model that is denied, or one that cannot
be told; with `--keep_going` all such places are shown. The reports, one JSON
object a line as `mimalloc-tls audit --json` writes them, are in the output group
`mimalloc_tls`. Flags: `--@rules_mimalloc//rules/flags:audit_deny=MODEL,…` and
`--@rules_mimalloc//rules/flags:audit_allow_unknown`.

What is built for the machine that builds (tools, in the exec configuration) is
left out.
"""

load("//rules/private:audit_aspect.bzl", _MimallocTlsAuditInfo = "MimallocTlsAuditInfo", _mimalloc_tls_audit = "mimalloc_tls_audit")

MimallocTlsAuditInfo = _MimallocTlsAuditInfo
mimalloc_tls_audit = _mimalloc_tls_audit
