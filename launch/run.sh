#!/bin/bash
# README command 1: installs what is missing, builds release, and runs the main job on 2 ranks: generate a Darcy data
# set, train an operator on it, evaluate it, predict, and say where the files lie.
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
[ -f datasets/darcy2d.h5 ] || mpirun --oversubscribe -n 2 "$pno" gen examples/darcy2d.yaml
mpirun --oversubscribe -n 2 "$pno" train examples/darcy2d.yaml --run "$run"
"$pno" eval "$run"
"$pno" predict "$run"
echo "the job took $(($(date +%s) - started)) s: data set datasets/darcy2d.h5, run $run"
