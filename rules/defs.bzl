"""Public rules of rules_mimalloc."""

load("//rules:providers.bzl", _MimallocTlsInfo = "MimallocTlsInfo")
load("//rules/private:headers.bzl", _mimalloc_headers = "mimalloc_headers")
load("//rules/private:library.bzl", _mimalloc_library = "mimalloc_library")

mimalloc_headers = _mimalloc_headers
mimalloc_library = _mimalloc_library
MimallocTlsInfo = _MimallocTlsInfo
