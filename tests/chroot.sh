#!/bin/bash
# Both README commands in a Debian 12 that has nothing installed (debootstrap, as root). Takes the committed files only.
#   tests/chroot.sh [FOLDER]      default: a new folder under $TMPDIR; $DEBIAN_MIRROR names another mirror
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-$(mktemp -d)}
debootstrap --variant=minbase bookworm "$folder" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >"$folder.log" 2>&1 || {
  tail -n 20 "$folder.log"
  exit 1
}
cp /etc/resolv.conf /etc/hosts "$folder/etc/"
mount -t proc proc "$folder/proc"
mount --rbind /sys "$folder/sys"
mount --rbind /dev "$folder/dev"
trap 'umount "$folder/proc"; umount -l "$folder/sys" "$folder/dev"' EXIT
git clone -q "$root" "$folder/pno"
for command in launch/run.sh tests/run.sh; do
  started=$(date +%s)
  chroot "$folder" /bin/sh -c "cd /pno && $command" >"$folder.log" 2>&1 || {
    tail -n 40 "$folder.log"
    echo "chroot: $command failed after $(($(date +%s) - started)) s"
    exit 1
  }
  tail -n 12 "$folder.log"
  echo "chroot: $command took $(($(date +%s) - started)) s"
done
