#!/usr/bin/env bash
# crates.sh DIR WORK TABLE: fetches the crates of TABLE with cargo, by name, and keeps their .crate files in DIR, where a
# repository rule takes them from: inside the root there is no cargo.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$here/lib.sh"
out=$1 work=$2 table=$3

while IFS=$'\t' read -r name version sha256; do
  echo "$name $version"
  sources=$(crate "$work" "$name" "$version")
  # cargo unpacks registry/cache/INDEX/FILE.crate as registry/src/INDEX/FILE.
  index=${sources%/*}
  cp -- "${index%/*/*}/cache/${index##*/}/$name-$version.crate" "$out/"
  sha256sum --check --quiet <<<"$sha256  $out/$name-$version.crate" || die "$name-$version.crate has another sum than in $table"
done < <(grep -v '^#' "$table" | cut -f 2-4 | sort -u)
