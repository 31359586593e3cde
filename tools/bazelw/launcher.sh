
# The provisioned Bazel as one command, bazel. Inside the root, where tests are that run Bazel themselves, there
# is nothing to enter. The caller's startup options come after these and win.
# shellcheck shell=bash disable=SC2154 # write_launcher in provision.sh sets the variables

# A server stays in the root that it was started in. If one of another root has the output base that the caller chose,
# the difference in this option makes it end.
options=(--server_javabase=/usr/lib/jvm/default-java "--host_jvm_args=-Drules_mimalloc.root=$root" "--bazelrc=$bazelrc")
# In a test Bazel itself chooses a place below $TEST_TMPDIR, and its server ends soon.
if [[ -z ${TEST_TMPDIR:-} ]]; then options+=("--output_user_root=$output_user_root"); fi
if [[ ${1:-} == --version ]]; then options=(); fi # which Bazel knows as its only argument

export BAZEL=$launcher # for bazelw, and whatever else Bazel is asked to run
if [[ -e /etc/rules_mimalloc-root ]]; then
  export LC_ALL=C.UTF-8 PATH=$goroot/bin:/usr/bin:/bin HOME=${HOME:-$home}
  exec /usr/bin/bazel "${options[@]}" "$@"
fi
case $PWD/ in
  /usr/src/* | /usr/local/src/*) ;;
  /usr/* | /etc/*)
    printf 'bazelw: %s: a workspace below /usr or /etc is not visible to this Bazel; those of /usr/src and /usr/local/src are\n' "$PWD" >&2
    exit 36
    ;;
esac
enter "$root" /usr/bin/bazel "${options[@]}" "$@"
