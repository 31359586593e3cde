#!/usr/bin/env bash
# Builds and tests the example with the real cargo; a header that drifted ends the build.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../tree.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../tree.sh"

mkdir third_party
cp -R -- "$MIMALLOC" third_party/mimalloc
cargo test --quiet
include=$(find target -path '*/out/include')
mimalloc-tls check "$include"
diff -r "$MIMALLOC" third_party/mimalloc

drift third_party/mimalloc/include
fails "mimalloc/prim.h:" cargo build --quiet
fails "mimalloc-tls patch failed" cargo build --quiet
