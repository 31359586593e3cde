# shellcheck shell=bash
# Sourced by the scripts of this folder, and copied into the launcher.

# The launcher sets these after the copy: the caller's home if $HOME is not set, this machine's Go, and what else
# of this machine's /usr and /etc is to be visible.
home=/ goroot=/usr host_trees=()

# enter ROOT COMMAND...: replaces this process by COMMAND, run in the root file system ROOT (root.sh).
#
# COMMAND sees ROOT's /usr and /etc, read-only, and everything else of this machine at its own path, so a
# workspace and a cache may be anywhere but below /usr (where only the places for sources are visible) and /etc.
# bubblewrap runs under ROOT's own ld.so because this machine's C library may be older than what it needs.
enter() {
  local root=$1 dir file args=() ld
  shift
  args=("${root_bind:---ro-bind}" "$root/usr" /usr "${root_bind:---ro-bind}" "$root/etc" /etc
    --dev-bind /dev /dev --bind /proc /proc --ro-bind /sys /sys)
  for dir in bin sbin lib lib32 lib64; do
    if [[ -d $root/usr/$dir ]]; then args+=(--symlink "usr/$dir" "/$dir"); fi
  done
  for dir in /*; do
    case $dir in
      /usr | /etc | /dev | /proc | /sys | /bin | /sbin | /lib | /lib32 | /lib64 | /libx32) ;;
      *)
        if [[ -L $dir ]]; then
          args+=(--symlink "$(readlink "$dir")" "$dir")
        elif [[ -d $dir ]]; then
          args+=(--bind-try "$dir" "$dir")
        fi
        ;;
    esac
  done
  for file in /etc/resolv.conf /etc/hosts /etc/passwd /etc/group /etc/localtime /etc/pip.conf /etc/ssl; do
    args+=(--ro-bind-try "$file" "$file")
  done
  # root.sh and provision.sh have made the mount points.
  for dir in /usr/src /usr/local/src "${host_trees[@]}"; do
    args+=(--bind-try "$dir" "$dir")
  done

  # None of these means the same inside. What the caller's PATH has is this machine's, not the root's.
  unset LD_LIBRARY_PATH LD_PRELOAD JAVA_HOME PYTHONHOME PYTHONPATH
  export LC_ALL=C.UTF-8 PATH=$goroot/bin:/usr/bin:/bin HOME=${HOME:-$home}

  for ld in "$root"/usr/lib64/ld-linux-*.so.* "$root"/usr/lib/ld-linux-*.so.*; do
    if [[ -e $ld ]]; then break; fi
  done
  exec "$ld" --library-path "$(printf '%s:' "$root"/usr/lib/*-linux-gnu)" \
    "$root/usr/bin/bwrap" "${args[@]}" --chdir "$PWD" -- "$@"
}
