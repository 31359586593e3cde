"""Public rules of rules_mimalloc."""

load("//rules:providers.bzl", _MimallocTlsInfo = "MimallocTlsInfo")
load("//rules/private:headers.bzl", _mimalloc_headers = "mimalloc_headers")
load("//rules/private:library.bzl", _mimalloc_library = "mimalloc_library")
load("//rules/private:tls_test.bzl", _mimalloc_tls_test = "mimalloc_tls_test")

mimalloc_headers = _mimalloc_headers
mimalloc_library = _mimalloc_library
mimalloc_tls_test = _mimalloc_tls_test
MimallocTlsInfo = _MimallocTlsInfo
