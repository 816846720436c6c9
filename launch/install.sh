#!/bin/sh
# Installs the Debian packages of the named groups of packages.txt that are missing: install.sh build [test] [long]
set -eu
list=$(dirname "$0")/packages.txt
missing=
for group in "$@"; do
  for package in $(sed -n "s/^$group //p" "$list"); do
    state=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true)
    [ "${state%% *}" = ii ] || missing="$missing $package"
  done
done
[ -n "$missing" ] || exit 0
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get -o DPkg::Lock::Timeout=300 -qq update
# shellcheck disable=SC2086  # a list of words
$as_root apt-get -o DPkg::Lock::Timeout=300 -qq install -y --no-install-recommends $missing >/dev/null
