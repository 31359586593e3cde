#!/usr/bin/env bash
# Tests which Bazel bazelw runs, with what, and what it says if it can't. Needs no network and makes nothing: where
# it would provision a Bazel, the Go that it then asks for is a fake.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
bazelw=${here%/*/*}/bazelw
temporary=$(mktemp -d)
trap 'rm -rf -- "$temporary"' EXIT
passed=0 failed=0

# PATH for bazelw: the tools that it needs and the fakes, but no Bazel that happens to be on this machine.
tools=$temporary/tools
mkdir "$tools"
for tool in bash sh env readlink sort head sed dirname cat; do ln -s "$(type -P "$tool")" "$tools/"; done

# fake NAME [VERSION]: a command $fakes/NAME that tells what it was called with, or its version if asked.
fake() {
  mkdir -p "${1%/*}"
  cat >"$1" <<EOT
#!/bin/sh
if [ "\${1:-}" = --version ] && [ -n "${2:-}" ]; then echo "bazel ${2:-}"; exit; fi
printf '%s:' "\${0##*/}"; for argument; do printf '[%s]' "\$argument"; done; echo
EOT
  chmod +x "$1"
}

# expect NAME STATUS PATTERN COMMAND...: COMMAND, with PATH of $fakes and $tools, ends so and prints what matches.
expect() {
  local name=$1 status=$2 pattern=$3 output got=0
  shift 3
  output=$(env -u BAZEL PATH="$fakes:$tools" HOME="$temporary/home" "$@" 2>&1) || got=$?
  # shellcheck disable=SC2053 # it is a pattern
  if [[ $got == "$status" && $output == $pattern ]]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAIL %s: expected exit code %s and %s, got %s and %s\n' "$name" "$status" "$pattern" "$got" "$output"
  fi
}

fakes=$temporary/none
fake "$temporary/some where/my bazel"
fake "$temporary/named/bazel-7"
expect 'BAZEL is a path' 0 'my bazel:[[]test][[]//...][[]][[]a b]' \
  BAZEL="$temporary/some where/my bazel" "$bazelw" test //... '' 'a b'
expect 'BAZEL is missing' 127 "bazelw: BAZEL=/no/bazel: not an executable file*" BAZEL=/no/bazel "$bazelw" info
expect 'BAZEL is bazelw' 127 '*nor may it be bazelw itself*' BAZEL="$bazelw" "$bazelw" info
ln -s "$bazelw" "$temporary/link"
expect 'BAZEL is a link to bazelw' 127 '*nor may it be bazelw itself*' BAZEL="$temporary/link" "$temporary/link" info
fakes=$temporary/named
expect 'BAZEL is a command' 0 'bazel-7:[[]info]' BAZEL=bazel-7 "$bazelw" info

fakes=$temporary/isk
fake "$fakes/bazelisk"
fake "$fakes/bazel" 8.0.0
expect 'bazelisk before bazel' 0 'bazelisk:[[]info]' "$bazelw" info
expect 'BAZEL before bazelisk' 0 'bazel-7:[[]info]' BAZEL="$temporary/named/bazel-7" "$bazelw" info
expect 'by a link' 0 'bazelisk:[[]info]' "$temporary/link" info

for version in 7.4.0 7.10.1 8.0.0rc1 10.0.0; do
  fakes=$temporary/new-$version
  fake "$fakes/bazel" "$version"
  expect "bazel $version" 0 'bazel:[[]info][[]--x=y]' "$bazelw" info --x=y
done

needs_go='bazelw: there is no Bazel on PATH, and to provide one bazelw needs Go 1.24 or newer*install bazelisk*set BAZEL*'
for version in 7.3.2 6.5.0 no_version; do
  fakes=$temporary/old-$version
  fake "$fakes/bazel" "$version"
  expect "bazel $version" 36 "$needs_go" "$bazelw" info
done
fakes=$temporary/self
mkdir "$fakes"
ln -s "$bazelw" "$fakes/bazel"
expect 'bazel is a link to bazelw' 36 "$needs_go" bazel info
fakes=$temporary/isk
expect 'provisioning is forced' 36 "$needs_go" RULES_MIMALLOC_BAZELW=provision "$bazelw" info

fakes=$temporary/old-go
mkdir "$fakes"
printf '#!/bin/sh\nprintf "/old/go\\ngo1.23.4\\n"\n' >"$fakes/go"
chmod +x "$fakes/go"
expect 'an old Go' 36 "${needs_go%\*install*}; $fakes/go is go1.23.4. *" "$bazelw" info

printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
