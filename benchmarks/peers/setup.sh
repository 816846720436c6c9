#!/bin/sh
# What the peers need, if it is missing: Debian packages, and a virtual environment of Python in FOLDER, by default
# build-peers/venv at the top of the tree: setup.sh [FOLDER]. PyPI's torch for Linux on x86-64 brings CUDA's libraries
# (about 5 GB) and does not load without them; the peers compute on the CPU all the same.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=${1:-$here/../../build-peers/venv}
sh "$here/../../launch/install.sh" build peers
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
"$venv/bin/python" -c 'import h5py, jax, neuralop, numpy, pde, pyamg, scipy, torch
for m in torch, jax, numpy, scipy, pyamg, pde: print(m.__name__, m.__version__)'
