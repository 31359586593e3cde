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
