"""Random numbers, masks, draws and their scores in float64 NumPy, written from the definitions: Philox4x32-10 (Salmon et al.,
SC'11), dropout by 16-bit lanes, the reparametrised head and the losses of several draws. Shares nothing with the C code."""
import math

import numpy as np

DROPOUT, DRAW = 4, 5  # streams of engine/base/rng.h
SEED, EPOCH, FIRST_DRAW = 0x123456789ABC, 3, 2  # as oracle_driver.c calls


def sample_number(s):
    return 7 + 5 * s


def philox(block, site, draw, sample, stream):
    """Four words of each block: counter {block, site << 16 | draw, sample, stream << 24 | epoch}. [blocks][4]"""
    c = [np.asarray(block, np.uint64) & 0xFFFFFFFF] + [
        np.full(len(block), v, np.uint64) for v in (site << 16 | draw, sample, stream << 24 | EPOCH)]
    k0, k1, low = SEED & 0xFFFFFFFF, SEED >> 32, np.uint64(0xFFFFFFFF)
    for _ in range(10):
        p0, p1 = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(p1 >> np.uint64(32)) ^ c[1] ^ np.uint64(k0), p1 & low, (p0 >> np.uint64(32)) ^ c[3] ^ np.uint64(k1), p0 & low]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack(c, axis=1)


def mask_of(share, site, draw, sample, places, channels):
    """[places][channels]: 0 or 65536 / (65536 - threshold)."""
    threshold = round(65536 * share)
    each = (channels + 7) // 8
    words = philox(np.arange(places * each), site, draw, sample, DROPOUT)
    lanes = np.stack([words & np.uint64(0xFFFF), words >> np.uint64(16)], axis=2).reshape(places, each * 8)
    return np.where(lanes[:, :channels] >= threshold, 65536 / (65536 - threshold), 0.0)


def normals(draw, sample, n):
    words = philox(np.arange((n + 3) // 4), 0, draw, sample, DRAW).astype(float)
    u = (words + 0.5) / 2.0 ** 32
    z = np.empty_like(u)
    for j in (0, 2):
        radius = np.sqrt(-2 * np.log(u[:, j]))
        z[:, j], z[:, j + 1] = radius * np.cos(2 * math.pi * u[:, j + 1]), radius * np.sin(2 * math.pi * u[:, j + 1])
    return z.reshape(-1)[:n]


class Noise:
    """Masks of a batch whose passes are `draws` consecutive draws of each sample."""

    def __init__(self, case):
        self.case, self.passes = case, 1 if case["heads"] == 2 else case["draws"]

    def of(self, share, site, batch, places, channels):
        """(batch, channels) + places, or None where nothing is dropped."""
        if share == 0:
            return None
        count = int(np.prod(places))
        all_ = [mask_of(share, site, FIRST_DRAW + b % self.passes, sample_number(b // self.passes), count, channels)
                for b in range(batch)]
        return np.stack([m.T.reshape((channels,) + tuple(places)) for m in all_])

    def hidden(self, site, batch, channels):
        return self.of(self.case["drop"], site, batch, self.case["n"], channels)

    def modes(self, layer, batch, w):
        return self.of(self.case["fdrop"], 16 + layer, batch, w.shape[2:], w.shape[1])


def softplus(s):
    return np.maximum(s, 0) + np.log1p(np.exp(-np.abs(s)))


def draw(case, mean, s, scale):
    """y (sample, draw, channel, n..) of two heads in the units of the field, and the normals."""
    points, channels = int(np.prod(case["n"])), case["out"]
    z = np.stack([np.stack([np.moveaxis(normals(FIRST_DRAW + m, sample_number(b), points * channels).reshape(
        case["n"] + [channels]), -1, 0) for m in range(case["draws"])]) for b in range(case["samples"])])
    deviation = scale * (softplus(s) + 1e-6)
    return mean[:, None] + deviation[:, None] * z, z


def pull_heads(case, d, s, z, scale):
    """Gradients of mean and s from that of the draws."""
    return d.sum(axis=1), (d * z).sum(axis=1) * scale / (1 + np.exp(-s))


def normal_nll(case, mean, s, scale, u):
    rest = tuple(range(1, u.ndim))
    deviation = scale * (softplus(s) + 1e-6)
    e, values = (u - mean) / deviation, u[0].size
    loss = (0.5 * math.log(2 * math.pi) + np.log(deviation) + e * e / 2).sum(axis=rest) / values
    return loss, -e / deviation / values, (1 - e * e) / deviation * scale / (1 + np.exp(-s)) / values


def pairs(m):
    return [(i, k) for i in range(m) for k in range(i + 1, m)]


def spread(case):
    m = case["draws"]
    return (m - 1 + case["fair"]) / (m * m * (m - 1)) if m > 1 else 0.0


def of_distances(case, y, u):
    """One sample: y (draw, ..), u (..)."""
    m, points = len(y), np.prod(case["n"])
    c = 1 / (np.linalg.norm(u) + 1e-8) if case["loss"] == "rel_energy" else 1 / math.sqrt(points)

    def score(distance):
        if case["loss"] != "kernel":
            return distance, 1.0
        g = case["gamma"]
        if case["laplace"]:
            k = math.exp(-distance / (2 * g * g))
            return k, -k / (2 * g * g)
        k = math.exp(-(distance / (2 * g)) ** 2)
        return k, -2 * distance / (2 * g) ** 2 * k

    sign, pair = (-1, 1 / (m * (m - 1)) if m > 1 else 0) if case["loss"] == "kernel" else (1, -spread(case))
    total, d = 1.0 if case["loss"] == "kernel" else 0.0, np.zeros_like(y)
    for i in range(m):
        e = y[i] - u
        value, slope = score(c * np.linalg.norm(e))
        total += sign / m * value
        d[i] += sign / m * slope * c * e / np.linalg.norm(e)
    for i, k in pairs(m):
        e = y[i] - y[k]
        value, slope = score(c * np.linalg.norm(e))
        total += pair * value
        g = pair * slope * c * e / np.linalg.norm(e)
        d[i] += g
        d[k] -= g
    return total, d


def of_values(case, y, u):
    m = len(y)
    if case["loss"] == "crps":
        total, d = np.abs(y - u).mean(axis=0), np.sign(y - u) / m
        for i, k in pairs(m):
            total = total - spread(case) * np.abs(y[i] - y[k])
            d[i] -= spread(case) * np.sign(y[i] - y[k])
            d[k] += spread(case) * np.sign(y[i] - y[k])
        return total.mean(), d / u.size
    mean, v = y.mean(axis=0), y.var(axis=0, ddof=1)
    e = u - mean
    d = -e / v / m + (0.5 / v - e * e / (2 * v * v)) * 2 * (y - mean) / (m - 1)
    return (0.5 * np.log(2 * math.pi * v) + e * e / (2 * v)).mean(), d / u.size


def loss(case, y, u):
    """Loss of each sample, y (sample, draw, ..), u (sample, ..), and the gradient of their sum."""
    one = of_values if case["loss"] in ("crps", "nll") else of_distances
    both = [one(case, a, b) for a, b in zip(y, u)]
    return np.array([v for v, _ in both]), np.stack([d for _, d in both])


def check_self():
    """Gradients of all losses against central differences."""
    ok, rng = True, np.random.default_rng(5)
    for name in ("energy", "rel_energy", "crps", "kernel", "nll"):
        for laplace in (False, True) if name == "kernel" else (False,):
            case = {"loss": name, "n": [5, 4], "draws": 3, "fair": 0.7, "gamma": 0.8, "laplace": laplace}
            y, u = rng.normal(size=(2, 3, 2, 5, 4)), rng.normal(size=(2, 2, 5, 4))
            way, h = rng.normal(size=y.shape), 1e-6
            d = loss(case, y, u)[1]
            got = (loss(case, y + h * way, u)[0].sum() - loss(case, y - h * way, u)[0].sum()) / (2 * h)
            if not abs(got - (d * way).sum()) <= 1e-7 * np.linalg.norm(d) * np.linalg.norm(way):
                print(f"{name}: difference {got}, gradient {(d * way).sum()}")
                ok = False
    case = {"n": [5, 4], "out": 2, "draws": 3, "samples": 2}
    mean, s, u = (rng.normal(size=(2, 2, 5, 4)) for _ in range(3))
    way, h = rng.normal(size=s.shape), 1e-6
    for which in range(2):
        step = (h * way * (which == 0), h * way * (which == 1))
        up, down = (normal_nll(case, mean + k * step[0], s + k * step[1], 1.7, u)[0].sum() for k in (1, -1))
        want = (normal_nll(case, mean, s, 1.7, u)[1 + which] * way).sum()
        if not abs((up - down) / (2 * h) - want) <= 1e-7 * abs(want) + 1e-9:
            print(f"normal nll {which}: difference {(up - down) / (2 * h)}, gradient {want}")
            ok = False
    return ok
