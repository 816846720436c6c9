#!/bin/bash
# The long suites, one after the other: called by tests/run.sh --long. Each prints its verdict; the first failure ends it.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

echo "== clang, all warnings are errors"
rm -rf "$root/build-clang"
CC=clang meson setup "$root/build-clang" "$root" -Dbuildtype=debugoptimized >/dev/null
ninja -C "$root/build-clang" | tail -n 1

echo "== coverage of io and engine, at least 85 % of lines"
rm -rf "$root/build-coverage"
meson setup "$root/build-coverage" "$root" -Dbuildtype=debug -Db_coverage=true >/dev/null
ninja -C "$root/build-coverage" | tail -n 1
meson test -C "$root/build-coverage" --no-rebuild --num-processes 2 --no-suite sanitize --no-suite lint -t 4 >/dev/null || true
for part in io engine; do
  gcovr -r "$root" --object-directory "$root/build-coverage" --filter "$part/" --gcov-ignore-parse-errors \
    --print-summary --fail-under-line 85 | grep '^lines'
done

echo "== long forms of the tests: kills, sanitizers on everything"
PNO_LONG=1 meson test -C "$root/build-tests" --no-rebuild --print-errorlogs --num-processes 2 -t 10 --suite whole --suite sanitize

echo "== both commands on a fresh Debian 12"
bash "$root/tests/chroot.sh"
echo "long: all passed"
