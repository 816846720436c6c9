#!/bin/bash
# README command 2: installs what is missing, builds, runs all tests, ends with "N passed, N failed".
#   tests/run.sh          what CI runs
#   tests/run.sh --long   that, and what tests/README.md lists as long
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build-tests
sh "$root/launch/install.sh" build test
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
[ -f "$build/build.ninja" ] || meson setup "$build" "$root" -Dbuildtype=debugoptimized >"$root/build-tests.log" || { tail -n 20 "$root/build-tests.log"; echo "0 passed, 1 failed"; exit 1; }
ninja -C "$build" >"$build/ninja.log" || { tail -n 40 "$build/ninja.log"; echo "0 passed, 1 failed"; exit 1; }
meson test -C "$build" --no-rebuild --print-errorlogs --num-processes 2 || true
python3 "$root/tests/count.py" "$build/meson-logs/testlog.json"
