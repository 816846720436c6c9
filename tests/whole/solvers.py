"""A sample of each equation that `pno gen` makes, beside what `independent.py` makes of its first frame."""
import os
import re

import h5py
import numpy as np

import independent
from whole import LONG, check, main, pno

LIMIT = 1e-4  # relative L2 of each field at the last time
SAMPLES = 6  # at most, until one is smooth

# Equation, fields to compare, what gen is told beside it in the short and in the long form; smooth: of such a sample.
CASES = (
    ("darcy", "u", "grid=65,65", "grid=241,241"),
    ("darcy", "u", "grid=40,33 recipe=pdebench", "grid=128,128 recipe=pdebench"),
    ("burgers", "u", "grid=256", "grid=8192"),
    ("burgers", "u", "grid=512 recipe=pdebench parameters=nu=.02 time=1 frames=3",
     "grid=1024 recipe=pdebench parameters=nu=.01 time=1 frames=3", "smooth"),
    ("kuramoto_sivashinsky", "u", "grid=160 refine=2 recipe=smooth time=10 frames=3",
     "grid=192 refine=2 recipe=smooth time=30 frames=4 tol=1e-9"),
    ("navier_stokes", "w", "grid=48,48 refine=1 time=.6 frames=2", "grid=128,128 refine=1 time=2 frames=2"),
    ("heat", "u", "grid=64", "grid=512"),
    ("heat", "u", "grid=32,32 time=.5", "grid=128,128"),
    ("wave", "u u_t", "grid=64 time=.3 frames=2", "grid=256 time=1.7 frames=2"),
    ("wave", "u u_t", "grid=32,32 time=.7 frames=2", "grid=64,64 time=1.7 frames=2"),
    ("advection", "u", "grid=128 frames=3", "grid=1024 frames=3", "smooth"),
    ("diffusion_sorption", "u", "grid=256 refine=4 frames=2", "grid=1024 frames=2"),
    ("diffusion_reaction", "u v", "grid=64,64 time=2 frames=2", "grid=128,128 frames=2"),
    ("compressible", "rho v p", "grid=256 refine=16 recipe=rand time=.05 frames=2",
     "grid=256 refine=32 recipe=rand time=.1 frames=2"),
    ("shallow_water", "h momentum", "grid=48,40 frames=2", "grid=128,128 frames=2"),
)


def read(path, sample):
    """Fields with a first and a last frame, parameters and the last time of a sample."""
    first, last, p = {}, {}, {}
    with h5py.File(path, "r") as file:
        for group in ("t0_fields", "t1_fields"):
            for name, node in file[group].items():
                frames = node[sample].astype(float)
                timed = node.attrs["time_varying"]
                first[name], last[name] = (frames[0], frames[-1]) if timed else (frames, frames)
        for name, node in file["scalars"].items():
            p[name] = float(node[sample] if node.shape else node[()])
        return first, last, p, float(file["time"][-1])


def is_smooth(u):
    modes = abs(np.fft.rfft(u))
    return modes[modes.size // 2:].max() < 1e-6 * modes.max()


def distance(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def compare(name, fields, short, long, smooth=""):
    """The file's first frame is in single precision: the other solver starts from that rounding of 6e-8."""
    path, words = f"{name}.h5", long if LONG else short
    pno(0, "gen", f"data.path={path}", f"pde.kind={name}", f"pde.samples={SAMPLES if smooth else 1}",
        *(f"pde.{word}" for word in words.split()))
    for sample in range(SAMPLES):
        first, last, p, t = read(path, sample)
        if not smooth or all(is_smooth(first[f]) for f in fields.split()):
            break
    else:
        check(False, name, "none of", SAMPLES, "samples is smooth")
    os.remove(path)
    found = getattr(independent, name)(first, t, p)
    for field in fields.split():
        off, moved = distance(last[field], found[field]), distance(first[field], found[field])
        print(f"  {name:<21} {words:<58} t = {t:<4g} {field:<8} off by {off:.1e}")
        check(off <= LIMIT, name, words, "field", field, "at", t, "is off by", off)
        check(moved > 100 * LIMIT or t == 0, name, words, "field", field, "hardly changes: by", moved)


def equations():
    """Those that this program has, from what it says to a name that it does not know."""
    text = pno(0, "gen", "data.path=x.h5", "pde.kind=none", code=2)
    return re.split(r", +", re.search(r"there are: ([a-z_0-9, ]+)", text)[1].strip())


def every_equation_is_compared():
    missing = set(equations()) - {case[0] for case in CASES}
    check(not missing, "nothing compares", *missing)


def samples_agree_with_other_solvers():
    there = equations()
    for case in CASES:
        if case[0] in there:
            compare(*case)


main(every_equation_is_compared, samples_agree_with_other_solvers)
