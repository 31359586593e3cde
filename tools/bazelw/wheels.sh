#!/usr/bin/env bash
# wheels.sh DIR WORK ROOT REQUIREMENTS: fetches what the file REQUIREMENTS pins, for this kind of machine, with pip
# of ROOT. Repository rules that run pip then find it in DIR (PIP_FIND_LINKS), as they would on the index.
set -euo pipefail
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$here/lib.sh"
# shellcheck source-path=SCRIPTDIR source=enter.sh
. "$here/enter.sh"
out=$1 root=$3 requirements=$4

(enter "$root" python3 -m pip download --quiet --no-deps --only-binary=:all: --disable-pip-version-check \
  --require-hashes --dest "$out" --requirement "$requirements") || die "pip could not fetch what $requirements lists"
