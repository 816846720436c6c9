#!/bin/bash
# Both README commands in a Debian 12 that has nothing installed (debootstrap; as root). Takes the committed files only.
#   tests/chroot.sh [FOLDER]     default: a new folder under $TMPDIR; the mirror is $DEBIAN_MIRROR or the host's
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-$(mktemp -d)}
mirror=${DEBIAN_MIRROR:-$(sed -n 's/^deb \([^[ ]*:[^ ]*\) .*/\1/p; s/^URIs: *\([^ ]*\).*/\1/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1)}
debootstrap --variant=minbase bookworm "$folder" "$mirror" >"$folder.log" 2>&1 || {
  tail -n 20 "$folder.log"
  exit 1
}
cp /etc/resolv.conf "$folder/etc/resolv.conf"
cp /etc/apt/sources.list "$folder/etc/apt/sources.list" 2>/dev/null || true
cp -r /etc/apt/sources.list.d/. "$folder/etc/apt/sources.list.d/"
cp -r /etc/apt/apt.conf.d/. "$folder/etc/apt/apt.conf.d/"
mount -t proc proc "$folder/proc"
mount --bind /dev "$folder/dev"
trap 'umount "$folder/proc" "$folder/dev"' EXIT
git clone -q "$root" "$folder/pno"
chroot "$folder" /bin/sh -c 'cd /pno && time launch/run.sh' 2>&1 | tail -n 30
chroot "$folder" /bin/sh -c 'cd /pno && time tests/run.sh' 2>&1 | tail -n 30
