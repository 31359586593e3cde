"""Providers of rules_mimalloc."""

MimallocTlsInfo = provider(
    doc = "An include tree of mimalloc in which the TLS model for Apple platforms is settled.",
    fields = {
        "header": "File: the header of the tree that chooses the model.",
        "include_dir": "string: the exec path of the tree, the directory that holds mimalloc.h.",
        "report": "File: what the patcher found and did, one JSON object (see `mimalloc-tls patch --json`).",
        "version": "string: mimalloc's version as the rule was told, `\"\"` if it was not.",
    },
)
