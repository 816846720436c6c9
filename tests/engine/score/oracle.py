"""Compares every score with one written from its definition in float64, pairs and members by brute force.

  oracle.py DRIVER FOLDER NAME   one case of oracle_cases.txt
  oracle.py --self               the comparison sees an error of 1e-5 in any score"""
import os
import subprocess
import sys
from fractions import Fraction

import numpy as np

TOLERANCE = 1e-6
CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "oracle_cases.txt")
LEVELS, POINT, FIELD = (.5, .9, .95), (.7, 1.5, np.inf), (1.1, 2.5, np.inf)
HELD = ("energy crps variogram ece coverage coverage_se width interval_score pit rank reliability").split()


def read_cases():
    lines = [line.split() for line in open(CASES) if line.strip() and not line.startswith("#")]
    return {line[0]: line[1:] for line in lines}


def fields(words, seed):
    """truth [samples, n.., channels] and draws [samples, M, n.., channels] in float32, and the shape."""
    n, channels, draws, samples = [int(v) for v in words[0].split(",")], *map(int, words[1:4])
    kind, rng = words[5], np.random.default_rng(seed)
    shape = [samples] + n + [channels]
    wave = sum(np.cos(2 * np.pi * (np.arange(k) / k + .1 * j)).reshape([-1] + [1] * (len(n) - j))
               for j, k in enumerate(n)) * np.ones(shape)
    truth = wave + .4 * rng.normal(size=shape)
    sd = .2 + rng.random(shape)
    many = (wave + .3 * rng.normal(size=shape))[:, None] + sd[:, None] * rng.normal(size=[samples, draws] + n + [channels])
    if kind == "ties":
        truth, many = np.round(4 * truth) / 4, np.round(4 * many) / 4
    if kind == "offset":
        truth, many = truth + 1000, many + 1000
    if kind == "same":
        many = np.repeat(many[:, :1], draws, axis=1)
    return truth.astype(np.float32), many.astype(np.float32)


def energy(u, a, c):
    m = len(a)
    first = sum(np.linalg.norm(a[i] - u) for i in range(m)) / m
    second = sum(np.linalg.norm(a[i] - a[k]) for i in range(m) for k in range(m))
    return c * (first - (second / (2 * m * (m - 1)) if m > 1 else 0))


def crps(u, a):
    m = len(a)
    second = sum(np.abs(a - a[i]).sum(0) for i in range(m))
    return np.mean(np.abs(a - u).mean(0) - (second / (2 * m * (m - 1)) if m > 1 else 0))


def h1(e, u):
    def square(f):
        slopes = [(np.roll(f, -1, j) - np.roll(f, 1, j)) * f.shape[j] / 2 for j in range(f.ndim - 1)]
        return np.sum(f ** 2) + sum(np.sum(s ** 2) for s in slopes)
    return np.sqrt(square(e)) / (np.sqrt(square(u)) + 1e-8)


def variogram(u, a):
    total = weight = 0.0
    for j in range(u.ndim - 1):
        for lag in (1, 2, 4):
            if lag >= u.shape[j]:
                continue
            def apart(f, axis):
                return np.sqrt(np.abs(np.delete(f, np.s_[:lag], axis) - np.delete(f, np.s_[-lag:], axis)))
            d = (apart(u, j) - apart(a, j + 1).mean(0)) ** 2
            total, weight = total + d.sum() / lag, weight + d.size / lag
    return total / weight if weight else 0.0


def quantile(a, q):
    """numpy's linear one, written out: comparisons with tied truth hang on the last bit."""
    order, at = np.sort(a, axis=0), q * (len(a) - 1)
    lo = int(at)
    hi = min(lo + 1, len(a) - 1)
    assert np.allclose(order[lo] + (at - lo) * (order[hi] - order[lo]), np.quantile(a, q, axis=0))
    return order[lo] + (at - lo) * (order[hi] - order[lo])


def histograms(u, a):
    """pit: mid-rank over M; rank: each of M + 1 ranks owns its share of [0, 1]. In exact fractions."""
    m, pit, rank = len(a), np.zeros(20), np.zeros(20)
    below, equal = (a < u).sum(0).ravel(), (a == u).sum(0).ravel()
    for b, e in zip(below, equal):
        pit[min(int(20 * (Fraction(int(b)) + Fraction(int(e), 2)) / m), 19)] += 1
        lo, hi = Fraction(int(b), m + 1), Fraction(int(b + e) + 1, m + 1)
        for i in range(20):
            rank[i] += float(max(0, min(hi, Fraction(i + 1, 20)) - max(lo, Fraction(i, 20))) / (hi - lo))
    return pit / u.size, rank / u.size


def spectrum(f):
    dims, n = f.ndim - 1, f.shape[:-1]
    power = (np.abs(np.fft.fftn(f, axes=range(dims)) / np.prod(n)) ** 2).mean(-1)
    k = np.sqrt(sum(g ** 2 for g in np.meshgrid(*[np.fft.fftfreq(i) * i for i in n], indexing="ij")))
    shells = min(int(np.floor(np.sqrt(sum((i // 2) ** 2 for i in n)) + .5)) + 1, 256)
    at = np.minimum(np.floor(k + .5).astype(int), shells - 1)
    out = np.bincount(at.ravel(), power.ravel(), shells)
    assert np.isclose(out.sum(), np.mean(f ** 2)), "Parseval"
    return out


def of_sample(u32, a32, words):
    u, a = u32.astype(float), a32.astype(float)
    m, e, c = len(a), a.mean(0) - u, 1 / np.sqrt(np.prod(u.shape[:-1]))
    v = a.var(0, ddof=1) if m > 1 else np.zeros_like(u)
    space = tuple(range(u.ndim - 1))
    var_u = u.var(space, ddof=1) if np.prod(u.shape[:-1]) > 1 else 0
    sd = np.clip(np.sqrt(v), 1e-6, 1e6)
    s = {"l2": c * np.linalg.norm(e), "rel_l2": np.linalg.norm(e) / (np.linalg.norm(u) + 1e-8), "h1": h1(e, u),
         "rmse": np.sqrt(np.mean(e ** 2)), "mse": np.mean(e ** 2), "variance": v.mean(),
         "vrmse": np.mean(np.sqrt(np.mean(e ** 2, space) / (var_u + 1e-7))), "energy": energy(u, a, c), "crps": crps(u, a),
         "nll": np.mean(.5 * np.log(2 * np.pi * sd ** 2) + e ** 2 / (2 * sd ** 2)), "variogram": variogram(u, a)}
    low, high = zip(*[(quantile(a, (1 - p) / 2), quantile(a, (1 + p) / 2)) for p in LEVELS])
    s["interval"] = np.array([low, high])
    s["coverage"] = [np.mean((lo < u) & (u < hi)) for lo, hi in zip(low, high)]
    s["width"] = [np.mean(hi - lo) for lo, hi in zip(low, high)]
    s["interval_score"] = [np.mean(hi - lo + 2 / (1 - p) * ((lo - u) * (u < lo) + (u - hi) * (u > hi)))
                           for p, lo, hi in zip(LEVELS, low, high)]
    s["reliability"] = [np.mean(u <= quantile(a, i / 20)) for i in range(1, 20)]
    s["pit"], s["rank"] = histograms(u, a)
    scale = np.ones_like(u) if words[8] == "unscaled" else np.maximum(np.sqrt(v), 1e-6)
    ratio = np.abs(e) / scale
    s["band_coverage"] = [np.mean(ratio <= f) for f in POINT]
    s["field_coverage"] = [float(np.all(ratio <= f)) for f in FIELD]
    s["band_width"], s["field_width"] = [2 * f * scale.mean() for f in POINT], [2 * f * scale.mean() for f in FIELD]
    if words[7] == "yes":
        s["spectrum_truth"], s["spectrum_mean"] = spectrum(u), spectrum(a.mean(0))
        s["spectrum_members"] = np.mean([spectrum(d) for d in a], 0)
    s["mean"], s["sd"] = a.mean(0), np.sqrt(v)
    return s


def of_all(samples, draws, words):
    keys = [k for k in samples[0] if k not in ("interval", "mean", "sd")]
    out = {k: np.mean([s[k] for s in samples], 0) for k in keys}
    out["spread"], out["skill"] = np.sqrt(out.pop("variance")), np.sqrt(out.pop("mse"))
    out["ssr"] = np.sqrt((draws + 1) / draws) * out["spread"] / out["skill"]
    out["ece"] = np.mean(np.abs(out["reliability"] - np.arange(1, 20) / 20))
    n = len(samples)
    for k in ("coverage", "band_coverage", "field_coverage"):
        out[k + "_se"] = np.std([s[k] for s in samples], 0, ddof=1) / np.sqrt(n) if n > 1 else [np.nan] * 3
    out["aleatoric"], out["epistemic"] = .25 + (n - 1) / 2, out["spread"] ** 2 - .5
    for k in ("spectrum_truth", "spectrum_mean", "spectrum_members"):
        out.setdefault(k, [])
    if words[6] == "no" and draws > 1:
        for k in HELD:
            out[k] = np.full_like(np.asarray(out[k], float), np.nan)
    return {k: np.atleast_1d(np.asarray(v, float)) for k, v in out.items()}


def far(got, want):
    """Places where a score differs; what vanishes in exact arithmetic may leave rounding of the inputs' size."""
    with np.errstate(invalid="ignore"):
        near = np.abs(got - want) <= TOLERANCE * np.abs(want) + 1e-12
    return ~(near | (got == want) | (np.isnan(got) & np.isnan(want)))


def compare(name, got, want):
    ok = set(got) == set(want)
    if not ok:
        print(f"{name}: names differ: {sorted(set(got) ^ set(want))}")
    for key in set(got) & set(want):
        if got[key].shape != want[key].shape or far(got[key], want[key]).any():
            print(f"{name}: {key}: {got[key]}, expected {want[key]}")
            ok = False
    return ok


def run_case(driver, folder, name):
    words = read_cases()[name]
    truth, draws = fields(words, sum(name.encode()))
    os.makedirs(folder, exist_ok=True)
    truth.tofile(os.path.join(folder, "truth"))
    draws.tofile(os.path.join(folder, "draws"))
    if subprocess.run([driver, folder, *words[:5], *words[6:]], check=False).returncode:
        return False
    lines = [line.split() for line in open(os.path.join(folder, "scores"))]
    got = {line[0]: np.array([float(v) for v in line[1:]]) for line in lines}
    samples = [of_sample(u, a, words) for u, a in zip(truth, draws)]
    ok = compare(name, got, of_all(samples, draws.shape[1], words))
    for key in ("mean", "sd", "interval"):
        field = np.fromfile(os.path.join(folder, key), np.float32)
        if key == "interval":
            want = np.array([np.swapaxes(s[key], 0, 1) for s in samples]).ravel()
            want = want if words[6] == "yes" or draws.shape[1] == 1 else np.full_like(want, np.nan)
        else:
            want = np.array([s[key] for s in samples]).ravel()
        if not np.allclose(field, want, rtol=1e-6, atol=1e-6, equal_nan=True):
            print(f"{name}: {key} fields differ by {np.nanmax(np.abs(field - want))}")
            ok = False
    return ok


def check_self():
    words, ok = read_cases()["plane-7draws"], True
    truth, draws = fields(words, 1)
    want = of_all([of_sample(u, a, words) for u, a in zip(truth, draws)], draws.shape[1], words)
    for key, value in want.items():
        ok &= bool(far(value * (1 + 1e-5), value)[np.isfinite(value) & (value != 0)].all())
    return ok and bool(far(np.array([np.nan]), np.array([1.])).all()) and bool(far(np.array([1.]), np.array([np.nan])).all())


if __name__ == "__main__":
    sys.exit(0 if (check_self() if sys.argv[1:] == ["--self"] else run_case(*sys.argv[1:])) else 1)
