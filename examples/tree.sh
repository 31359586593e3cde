# shellcheck shell=bash
# Sourced by the test.sh of the examples without Bazel. Makes a scratch copy of the example, changes to it and sets:
#   MIMALLOC   a mimalloc source tree, 3.3.2, which cargo fetches by name in a crate
#   PATH       with mimalloc-tls in front, built from this repository
here=$(cd -- "$(dirname -- "${BASH_SOURCE[1]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

mkdir -p "$work/bin" "$work/fetch/src"
go -C "$here/../.." build -o "$work/bin/" ./patcher/cmd/mimalloc-tls
export PATH="$work/bin:$PATH"

printf '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\nlibmimalloc-sys2 = "=0.1.57"\n' >"$work/fetch/Cargo.toml"
: >"$work/fetch/src/lib.rs"
crate=$(cd "$work/fetch" && cargo metadata --quiet --format-version 1 |
  sed -n 's,.*"manifest_path":"\([^"]*/libmimalloc-sys2-0.1.57\)/Cargo.toml".*,\1,p')
MIMALLOC=$crate/c_src/mimalloc3
[[ -f $MIMALLOC/include/mimalloc.h ]] || { echo "libmimalloc-sys2 0.1.57 could not be fetched" >&2; exit 1; }

cp -R -- "$here" "$work/an example"
cd -- "$work/an example" || exit 1

# fails TEXT COMMAND...: the command fails, and says TEXT.
fails() {
  local text=$1 out
  shift
  if out=$("$@" 2>&1); then
    printf '%s\nexpected to fail: %s\n' "$out" "$*" >&2
    return 1
  fi
  # CMake wraps lines.
  tr -s ' \n' ' ' <<<"$out" | grep -qF -- "$text" || { printf '%s\nexpected in it: %s\n' "$out" "$text" >&2; return 1; }
}

# drift INCLUDE_DIR: makes the header one that mimalloc-tls does not know.
drift() { sed -i.orig 's/^#elif defined(__APPLE__).*/#elif defined(__APPLE__) \&\& SOMETHING_NEW/' "$1/mimalloc/prim.h"; }
