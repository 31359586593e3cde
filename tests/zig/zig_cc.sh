#!/bin/sh
# zig-cc ARGUMENTS...: `zig cc`, clang for any -target. Lies beside zig and lib, and may be called from anywhere.
#
# zig caches whatever it does. What it does for itself (compiler-rt, libc's start files, libc++: 4 to 100 seconds for a
# target) goes to a directory that is shared by all runs, and that is safe: entries are found by the content of zig's own
# sources, and zig locks what it writes. Our objects go to a directory that ends with this run, so that the only cache they
# are ever taken from is Bazel's: zig would trust a source file's inode, size and time, and those of files from an archive
# are soon alike.
#
# The shared directory is $ZIG_CACHE, else one of the user's own below $TMPDIR or /tmp. Where that can't be written, or is
# somebody else's, or a sandbox or a remote executor gives every action a /tmp of its own, everything still works, but
# each link makes what it needs again. Remedies there: --sandbox_writable_path (linux-sandbox: --sandbox_add_mount_pair)
# for the directory, or --action_env=ZIG_CACHE=... with such a path.
set -eu
sdk=${0%/*}
shared=${ZIG_CACHE:-${TMPDIR:-/tmp}/rules_mimalloc-zig-$(id -u)}

private=$(mktemp -d "${TMPDIR:-/tmp}/zig-cc.XXXXXX")
trap 'rm -rf "$private"' EXIT
trap 'exit 143' HUP INT TERM

# shellcheck disable=SC2174,SC3067 # the parents are there or as they are; dash, busybox and ksh know -O
if ! { mkdir -p -m 700 "$shared" && [ -O "$shared" ] && [ -w "$shared" ]; } 2>/dev/null; then
  shared=$private/shared
fi

# Relative, if we were called by a relative path, as actions do: zig hands it to clang, whose output then holds no path of
# this machine.
export ZIG_LIB_DIR="$sdk/lib" ZIG_GLOBAL_CACHE_DIR="$shared" ZIG_LOCAL_CACHE_DIR="$private/local"
status=0
"$sdk/zig" cc "$@" || status=$?
exit "$status"
