"""What the programs of interoperability share: io_exchange, comparisons, other readers of its files.

TOPIC EXCHANGE SOURCE_ROOT are the arguments of each; EXCHANGE is built from exchange.c. Exit code 77: skipped, the last line
says why.
"""
import os
import subprocess
import sys
import tempfile

SKIP = 77
try:
    import h5py
    import netCDF4  # noqa: F401, for those who import this
    import numpy as np
    import xarray
    import yaml  # noqa: F401
except ImportError as missing:
    print("this Python lacks a module:", missing)
    sys.exit(SKIP)

EXCHANGE, SOURCE_ROOT = sys.argv[2], sys.argv[3]


def check(condition, *words):
    if not condition:
        raise AssertionError(" ".join(str(w) for w in words))


def equal(have, want, *where):
    have, want = np.asarray(have), np.asarray(want)
    check(have.shape == want.shape, *where, "has shape", have.shape, "instead of", want.shape)
    check(np.array_equal(have, want), *where, "has other values")


def exchange(*args):
    """Exit code and what it printed."""
    done = subprocess.run([EXCHANGE, *args], stdout=subprocess.PIPE, timeout=60, check=False)
    check(done.returncode >= 0, "io_exchange", *args, "died of signal", -done.returncode)
    return done.returncode, done.stdout.decode()


def must(*args):
    code, words = exchange(*args)
    check(code == 0, "io_exchange", *args, "ended with", code, words)
    return words


def ncdump(path):
    try:
        done = subprocess.run(["ncdump", "-h", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                              check=False)
    except FileNotFoundError:
        print("no program ncdump (package netcdf-bin)")
        sys.exit(SKIP)
    check(done.returncode == 0, "ncdump:", done.stdout.decode())
    return done.stdout.decode()


def read(path):
    """Shape and samples of a data set as pno reads it: grid, x [n][grid][in], y [n][grid][out]."""
    out = path + ".raw"
    words = must("read", path, out).split()
    numbers = [int(w) for w in words[1:]]
    dims = numbers[0]
    grid, (n_in, n_out, count) = numbers[1:1 + dims], numbers[1 + dims:]
    points = int(np.prod(grid))
    raw = np.fromfile(out, "<f4").reshape(count, points * (n_in + n_out))
    x, y = raw[:, :points * n_in], raw[:, points * n_in:]
    return words[0], x.reshape([count, *grid, n_in]), y.reshape([count, *grid, n_out])


def refused(path, *words):
    code, said = exchange("read", path, path + ".raw")
    check(code == 3, path, "ended with", code, said)
    for w in words:
        check(w in said, f"'{w}' is not in '{said.strip()}'")


def trajectory(sample, first, shape):
    """Values first, first + 1, ... of a trajectory of native_spec.c."""
    n = int(np.prod(shape))
    return (np.float32(sample) + np.arange(first, first + n, dtype=np.float32) / 1024).reshape(shape)


def check_xarray(path, group, names, dims):
    """Both engines, name by name: dimensions, and the values of h5py."""
    for engine in "h5netcdf", "netcdf4":
        with xarray.open_dataset(path, group=group, engine=engine) as ds, h5py.File(path, "r") as f:
            for name, want in zip(names, dims):
                check(ds[name].dims == want, engine, name, "has dimensions", ds[name].dims)
                equal(ds[name].values, f[group][name][()] if group else f[name][()], engine, name)


def main(*topics):
    """Runs the topic that was asked for in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="pno-io-") as temporary:
        {t.__name__: t for t in topics}[sys.argv[1]](temporary)
