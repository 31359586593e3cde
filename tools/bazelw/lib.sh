# shellcheck shell=bash
# Sourced by the scripts of this folder.

# say TEXT...: a line of progress.
say() { printf 'bazelw: %s\n' "$*" >&2; }

# die TEXT...: the reason, and Bazel's exit code for a local environmental issue.
die() {
  say "$*"
  exit 36
}

# rows FILE KIND: the rows of a table (tab-separated, # comments) whose first column is KIND, without it.
rows() { awk -F'\t' -v kind="$2" '$1 == kind { sub(/^[^\t]*\t/, ""); print }' "$1"; }

# crate WORK NAME VERSION: fetches a crate with cargo, and prints the directory of its sources. Each has a project of its
# own in WORK, as one project may not ask for two versions that are compatible. (cargo vendor would leave out
# .gitattributes.)
crate() {
  local project=$1/$2-$3
  mkdir -p "$project/src"
  printf '[package]\nname = "fetch"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n%s = "=%s"\n' \
    "$2" "$3" >"$project/Cargo.toml"
  : >"$project/src/lib.rs"
  (cd "$project" && cargo metadata --quiet --format-version 1) >"$project/metadata.json" ||
    die "cargo could not fetch the crate $2 $3"
  sed -n "s,.*\"manifest_path\":\"\([^\"]*/$2-$3\)/Cargo.toml\".*,\1,p" "$project/metadata.json"
}
