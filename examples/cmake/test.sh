#!/usr/bin/env bash
# Configures, builds and tests the example with the real CMake; a header that drifted fails the configure step.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../tree.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../tree.sh"

if ! type -P cmake >/dev/null; then
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install -q cmake==4.1.0
  PATH=$work/venv/bin:$PATH
fi

mkdir third_party
cp -R -- "$MIMALLOC" third_party/mimalloc
configure() { cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DCMAKE_EXPORT_COMPILE_COMMANDS=ON; }
configure
cmake --build build --parallel 2
(cd build && ctest --output-on-failure)

# The patched headers are safe, the only ones that are compiled with, and the tree is as it was.
mimalloc-tls check build/third_party/mimalloc/mimalloc-tls/include
grep -q 'mimalloc-tls/include' build/compile_commands.json
if grep -E '(-I|-isystem )[^ ]*third_party/mimalloc/include' build/compile_commands.json; then exit 1; fi
diff -r "$MIMALLOC" third_party/mimalloc

# A second configure step changes nothing; a new header brings one on, and drift ends it.
configure
cmake --build build
drift third_party/mimalloc/include
fails "mimalloc/prim.h:" cmake --build build
fails "rules_mimalloc" configure
mv third_party/mimalloc/include/mimalloc/prim.h.orig third_party/mimalloc/include/mimalloc/prim.h
configure

rm "$work/bin/mimalloc-tls"
fails "mimalloc-tls is not on PATH" cmake -S . -B other
