"""Rules of ours."""

load("@rules_cc//cc:defs.bzl", "cc_binary")

def our_binary(name, **kwargs):
    cc_binary(name = name, **kwargs)

def our_test(name, **_kwargs):
    native.filegroup(name = name)
