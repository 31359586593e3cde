#!/usr/bin/env bash
# Commits to a repository with the hook, with the real git: a header that drifted is refused.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../tree.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../tree.sh"

export GIT_CONFIG_NOSYSTEM=1 HOME=$work
git config --global user.name example
git config --global user.email example@example.com
git config --global protocol.file.allow always
commit() { git "$@" commit --quiet --all --message "a change"; }

cp -R -- "$MIMALLOC" "$work/mimalloc"
git init --quiet "$work/mimalloc"
git -C "$work/mimalloc" add --all --force
commit -C "$work/mimalloc"

git init --quiet .
cp pre-commit .git/hooks/pre-commit
git submodule --quiet add "$work/mimalloc" third_party/mimalloc
git add --all
commit

# The next release has another header.
drift "$work/mimalloc/include"
commit -C "$work/mimalloc"
git -C third_party/mimalloc pull --quiet
fails "mimalloc/prim.h:" commit
test "$(git rev-list --count HEAD)" = 1
