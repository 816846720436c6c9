#!/bin/bash
# README command 2: installs what is missing, builds, runs all tests, ends with "N passed, N failed".
#   tests/run.sh          what CI runs
#   tests/run.sh --long   the long suites first (tests/long.sh), then that
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build-tests
give_up() {
  tail -n 40 "$1"
  echo "0 passed, 1 failed"
  exit 1
}
groups="build test"
[ "${1:-}" != --long ] || groups="build test long"
# shellcheck disable=SC2086  # words
sh "$root/launch/install.sh" $groups
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
mkdir -p "$build"
[ -f "$build/build.ninja" ] || meson setup "$build" "$root" -Dbuildtype=debugoptimized >"$build/setup.log" 2>&1 ||
  give_up "$build/setup.log"
ninja -C "$build" >"$build/ninja.log" 2>&1 || give_up "$build/ninja.log"
[ "${1:-}" != --long ] || bash "$root/tests/long.sh"
meson test -C "$build" --no-rebuild --print-errorlogs --num-processes 2 || true
python3 "$root/tests/count.py" "$build/meson-logs/testlog.json"
