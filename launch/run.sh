#!/bin/bash
# README command 1: installs what is missing, builds release, and runs the main job on 2 ranks: generate Darcy data, train a
# probabilistic operator, calibrate its bands, evaluate it with 100 draws on data it has not seen, predict, and say where the
# files lie.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build
sh "$root/launch/install.sh" build
mkdir -p "$build"
[ -f "$build/build.ninja" ] || meson setup "$build" "$root" -Dtests=false >"$build/setup.log" 2>&1 || {
  cat "$build/setup.log"
  exit 1
}
ninja -C "$build" >"$build/ninja.log" || {
  tail -n 40 "$build/ninja.log"
  exit 1
}
# A stopped job has this many seconds to write its checkpoint. mpirun sleeps twice as long after any exit code but 0
# (measured: 121 s with 60), so give more only where checkpoints take longer.
export OMPI_MCA_odls_base_sigkill_timeout=10
[ "$(id -u)" != 0 ] || export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
run=runs/darcy2d-$(date -u +%Y%m%dT%H%M%SZ)
pno=$build/launch/pno
cd "$root"
started=$(date +%s)
pair() { mpirun --oversubscribe -n 2 "$pno" "$@"; }
test=datasets/darcy2d-test.h5
[ -f datasets/darcy2d.h5 ] || pair gen examples/darcy2d.yaml
[ -f $test ] || pair gen examples/darcy2d.yaml data.path=$test run.seed=1 pde.samples=128
pair train examples/darcy2d.yaml --run "$run"
pair eval "$run" data.test=$test
pair predict "$run" data.test=$test
echo "the job took $(($(date +%s) - started)) s: scores in $run/eval, pictures in $run/predictions"
