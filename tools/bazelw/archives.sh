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

# crate NAME VERSION: puts the directory of the crate's sources in $sources. Each has a project of its own, as one
# project may not ask for two versions that are compatible. (cargo vendor would leave out .gitattributes.)
crate() {
  local project=$work/$1-$2
  mkdir -p "$project/src"
  printf '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n%s = "=%s"\n' \
    "$1" "$2" >"$project/Cargo.toml"
  : >"$project/src/lib.rs"
  (cd "$project" && cargo metadata --quiet --format-version 1) >"$project/metadata.json" ||
    die "cargo could not fetch the crate $1 $2"
  sources=$(sed -n "s,.*\"manifest_path\":\"\([^\"]*/$1-$2\)/Cargo.toml\".*,\1,p" "$project/metadata.json")
}

while IFS=$'\t' read -r tag commit mtime sha256 name version path; do
  echo "$tag: $name $version"
  crate "$name" "$version"
  (enter "$root" python3 "$here/git_archive.py" --prefix "mimalloc-${tag#v}/" --commit "$commit" --mtime "$mtime" \
    "$sources/$path" >"$work/$tag.tar")
  (enter "$root" gzip -cn <"$work/$tag.tar" >"$out/$tag.tar.gz")
  sha256sum --check --quiet <<<"$sha256  $out/$tag.tar.gz" || die "$tag.tar.gz made from $name $version has another sum than GitHub's"
done < <(grep -v '^#' "$here/archives.tsv")
