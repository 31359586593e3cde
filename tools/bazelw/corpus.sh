#!/usr/bin/env bash
# corpus.sh DIR WORK TABLE: fetches the archives of TABLE that each test needs with npm and pip, by name, and keeps them in
# DIR, where a repository rule takes them from: inside the root there is no npm. The program compares their sums.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$here/lib.sh"
out=$1 table=$3

cd -- "$here/../.."
go run ./tests/audit/cmd/corpus -table "$table" -ci -archives "$out" -jobs 4 || die "npm or pip could not fetch what $table lists"
