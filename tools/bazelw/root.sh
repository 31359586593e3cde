#!/usr/bin/env bash
# root.sh DIR WORK: makes the root file system DIR of the provisioned Bazel (root_packages.txt).
#
# The only current Bazel of any package registry is bazel-bootstrap of Debian forky. It needs a newer C library
# and Java than most machines have, and its paths are fixed. So: an apt of its own, with forky as its only
# source, fetches the packages from the mirror that this machine uses; they are unpacked, not installed.
# Needs no root, and touches none of the machine's own apt and dpkg files.
set -euo pipefail
here=$(dirname -- "${BASH_SOURCE[0]}")
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$here/lib.sh"
# shellcheck source-path=SCRIPTDIR source=enter.sh
. "$here/enter.sh"
root=$1 work=$2

suite=forky
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

for tool in apt-get dpkg dpkg-deb tar awk xargs; do
  type -P "$tool" >/dev/null || die "no $tool here: this is not a Debian machine"
done
[[ -e $keyring ]] || die "no $keyring here: this is not a Debian machine"

mkdir -p "$work"/{lists,cache/archives,none}/partial

# What root_packages.txt leaves out is, to this apt, already installed.
sed -n 's/^-//p' "$here/root_packages.txt" | while read -r package; do
  printf 'Package: %s\nStatus: install ok installed\nArchitecture: all\nMulti-Arch: foreign\n' "$package"
  printf 'Version: 999:0\nMaintainer: none\nDescription: left out\n\n'
done >"$work/status"

# Read after the machine's own configuration, of which the proxies and credentials stay.
cat >"$work/apt.conf" <<EOT
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "$work";
Dir::State::lists "$work/lists";
Dir::State::status "$work/status";
Dir::Cache "$work/cache";
#clear APT::Architectures;
APT::Architectures { "$(dpkg --print-architecture)"; };
APT::Default-Release "";
APT::Install-Recommends "false";
APT::Sandbox::User "root"; // this process's own user, which is the one who may write here
APT::Update::Error-Mode "any"; // else an unreachable mirror is a warning
Acquire::Check-Valid-Until "false"; // forky's index may be older than it promises
Acquire::Languages "none";
Acquire::Retries "2";
Debug::NoLocking "true";
EOT
apt() { apt-get -q -c="$work/apt.conf" "$@"; }

# mirrors: where this machine gets Debian from, likeliest first. apt itself reads its configuration; an empty
# directory as its lists makes it name every index, fetched or not.
mirrors() {
  apt-get -o Dir::State::lists="$work/none" update --print-uris |
    sed -n "s,^'\(.*\)/dists/[^/]*/InRelease' .*,\1,p" | awk '!seen[$0]++' |
    awk '/\/debian\/*$/ { print; next } { later = later $0 "\n" } END { printf "%s", later }'
}

found='' tried=''
while read -r mirror; do
  echo "deb [signed-by=$keyring] $mirror $suite main" >"$work/sources.list"
  if apt update; then
    found=$mirror
    break
  fi
  tried+=" $mirror"
done < <(mirrors)
[[ $found ]] || die "of the mirrors in this machine's apt configuration none could be reached or none has Debian $suite:${tried:- there are none}"

mapfile -t packages < <(grep -E '^[a-z0-9]' "$here/root_packages.txt")
apt install -y --download-only "${packages[@]}"

mkdir -p "$root"/{etc,usr/{bin,sbin,lib,lib64}}
for dir in bin sbin lib lib64; do ln -s "usr/$dir" "$root/$dir"; done
unpack() {
  dpkg-deb --fsys-tarfile "$2" | tar -x -C "$1" --no-same-owner --keep-directory-symlink \
    --exclude='./usr/share/doc/*' --exclude='./usr/share/man' --exclude='./usr/share/info' \
    --exclude='./usr/share/locale' --exclude='./usr/share/lintian' --exclude='./usr/share/maven-repo' \
    --exclude='./usr/share/zoneinfo/right' --exclude='./usr/lib/*/gconv' --exclude='./var' \
    --exclude='./usr/bin/qemu-[!ax]*' --exclude='./usr/bin/qemu-a[!a]*' --exclude='./usr/bin/qemu-aarch64_be' \
    --exclude='./usr/bin/qemu-x[!8]*'
}
export -f unpack
# shellcheck disable=SC2016 # for the inner bash to expand
find "$work/cache/archives" -name '*.deb' -print0 |
  xargs -0 -n 1 -P "$(nproc)" bash -euo pipefail -c 'unpack "$0" "$1"' "$root"

# What the packages' maintainer scripts would have done.
ln -s bash "$root/usr/bin/sh"
ln -s gawk "$root/usr/bin/awk"
ln -s ../lib/jvm/default-java/bin/java "$root/usr/bin/java"

# Debian's defaults for people who debug sandboxes.
sed -i '/^build --host_javabase/d; /^build --sandbox_debug/d' "$root/etc/bazel/bazelrc"

# Mount points for what enter binds, and the sign by which the launcher sees that it is inside.
mkdir -p "$root"/etc/ssl "$root"/usr/{src,local/src}
for file in resolv.conf hosts passwd group localtime pip.conf rules_mimalloc-root; do
  rm -f "$root/etc/$file"
  : >"$root/etc/$file"
done

# The first entry is also the proof that entering works. Only here is the root's own /etc writable.
(cd / && root_bind=--bind enter "$root" /usr/sbin/ldconfig) ||
  die "bubblewrap can't make a mount namespace here: that takes root, or user namespaces for everyone"
