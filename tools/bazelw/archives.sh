#!/usr/bin/env bash
# archives.sh DIR WORK ROOT: makes the release archives of archives.tsv, for --distdir.
#
# The crates come through cargo, by name; what they hold is written as GitHub's archive of the release
# (git_archive.py), and must then have that archive's sum. Python and gzip are the ones of ROOT, so that
# another gzip can't make other bytes.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$here/lib.sh"
# shellcheck source-path=SCRIPTDIR source=enter.sh
. "$here/enter.sh"
out=$1 work=$2 root=$3

while IFS=$'\t' read -r tag commit mtime sha256 name version path; do
  echo "$tag: $name $version"
  sources=$(crate "$work" "$name" "$version")
  (enter "$root" python3 "$here/git_archive.py" --prefix "mimalloc-${tag#v}/" --commit "$commit" --mtime "$mtime" \
    "$sources/$path" >"$work/$tag.tar")
  (enter "$root" gzip -cn <"$work/$tag.tar" >"$out/$tag.tar.gz")
  sha256sum --check --quiet <<<"$sha256  $out/$tag.tar.gz" || die "$tag.tar.gz made from $name $version has another sum than GitHub's"
done < <(grep -v '^#' "$here/archives.tsv")
