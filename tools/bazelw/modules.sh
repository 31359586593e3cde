#!/usr/bin/env bash
# modules.sh DIR WORK ROOT: makes the Bazel modules for --override_module that ROOT has not, or not fit for use.
#
# rules_go and gazelle are Go modules too, so the Go module proxy has them. Changed in the copies:
#   - Go's zip files have no executable bits;
#   - rules_go's default Go SDK is the machine's own, for it is downloaded from no registry. Only
#     this way a user's MODULE.bazel, which need not mention a Go SDK, is right here and elsewhere;
#   - gazelle builds its tools from a vendor directory.
# stardoc is Debian's, with its renderer run by the root's Java. What overlay/NAME holds is put over module NAME.
set -euo pipefail
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$here/lib.sh"
out=$1 root=$3

export GOFLAGS=-mod=mod GOWORK=off GOTOOLCHAIN=local

# edit FILE OLD NEW: replaces the one line of FILE that is OLD, indentation aside. It must be exactly one.
edit() {
  awk -v old="$2" -v new="$3" '
    match($0, /[^ ]/) && substr($0, RSTART) == old { $0 = substr($0, 1, RSTART - 1) new; n++ }
    { print }
    END { exit n != 1 }' "$1" >"$1.new" || die "${1#"$out"/}: expected exactly one line: $2"
  mv -- "$1.new" "$1"
}

# json KEY: the string that Go's -json output has under KEY.
json() { sed -n "s,^\t\"$1\": \"\(.*\)\"\,*\$,\1,p"; }

while IFS=$'\t' read -r name version sum path; do
  echo "$name: $path@$version"
  info=$(cd "$out" && go mod download -json "$path@$version") || die "go mod download $path@$version failed: $(json Error <<<"$info")"
  got=$(json Sum <<<"$info")
  [[ $got == "$sum" ]] || die "$path@$version: expected the sum $sum, got $got"
  cp -r -- "$(json Dir <<<"$info")" "$out/$name"
  chmod -R u+w -- "$out/$name"
  find "$out/$name" -name '*.sh' -exec chmod +x {} +
done < <(rows "$here/pins.tsv" go)

edit "$out/rules_go/MODULE.bazel" 'go_sdk.from_file(' 'go_sdk.host('
edit "$out/rules_go/MODULE.bazel" 'go_mod = "//:go.mod",' '# bazelw: the Go of this machine'
edit "$out/rules_go/go/private/extensions.bzl" 'if not module.is_root:' 'if not module.is_root and module.name != "rules_go":'

# Without a path in the compiler's flags, -trimpath has the same effect and Go's cache serves every output base.
edit "$out/gazelle/internal/go_repository_tools.bzl" '"-gcflags",' '"-trimpath", "-gcflags",'
sed -i 's/"all=-trimpath=" + env\["GOPATH"\]/""/' "$out/gazelle/internal/go_repository_tools.bzl"

echo "gazelle: vendored dependencies"
(cd "$out/gazelle" && go mod vendor) || die "go mod vendor failed in gazelle"

cp -r -- "$root/usr/share/bazel/tools/stardoc" "$out/"
edit "$out/stardoc/stardoc/BUILD" 'java_binary(' 'sh_binary('
edit "$out/stardoc/stardoc/BUILD" 'main_class = "com.google.devtools.build.stardoc.renderer.RendererMain",' 'srcs = ["renderer.sh"],'
edit "$out/stardoc/stardoc/BUILD" 'runtime_deps = [":renderer_import"],' 'data = ["renderer_prebuilt.jar"],'

while IFS=$'\t' read -r name dependencies; do
  echo "$name: stub"
  mkdir -p "$out/$name"
  : >"$out/$name/BUILD.bazel"
  {
    printf 'module(name = "%s", version = "0.0.0")\n' "$name"
    for dependency in $dependencies; do printf 'bazel_dep(name = "%s")\n' "$dependency"; done
  } >"$out/$name/MODULE.bazel"
done < <(rows "$here/pins.tsv" stub)

cp -r -- "$here/overlay/." "$out/"
