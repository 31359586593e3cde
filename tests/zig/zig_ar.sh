#!/bin/sh
# zig-ar ARGUMENTS...: LLVM's ar, as zig has it.
exec "${0%/*}/zig" ar "$@"
