"""The Fourier neural operator of both flavours in float64 NumPy, with gradients by reverse mode.

Written from the definitions (neuraloperator 2.x: FNO, SpectralConv, H1Loss; Li et al., ICLR 2021: fourier_1d, _2d, _3d)
with numpy.fft, fftshift and corner slices as those sources do it. It shares nothing with the C code: no tables of sines,
no list of kept frequencies. Arrays are channel-first, (sample, channel, n1, ..)."""
import math

import numpy as np

erf = np.vectorize(math.erf, otypes=[float])


class Node:
    """A value and, after backward, the gradient of the loss with respect to it: dL/da + i dL/db for a + ib."""

    def __init__(self, value, parents=(), pull=None):
        self.value, self.parents, self.pull = value, parents, pull
        self.grad = np.zeros_like(value)


def backward(node, grad):
    order, seen = [], set()

    def visit(n):
        if id(n) not in seen:
            seen.add(id(n))
            for p in n.parents:
                visit(p)
            order.append(n)

    visit(node)
    node.grad = node.grad + grad
    for n in reversed(order):
        if n.pull:
            for p, g in zip(n.parents, n.pull(n.grad)):
                p.grad = p.grad + g


def add(a, b):
    return Node(a.value + b.value, (a, b), lambda g: (g, g))


def gelu(a):
    x = a.value
    phi = 0.5 * (1.0 + erf(x / math.sqrt(2.0)))
    slope = phi + x * np.exp(-x * x / 2.0) / math.sqrt(2.0 * math.pi)
    return Node(x * phi, (a,), lambda g: (g * slope,))


def linear(a, w):
    """1x1 convolution; w: (out, in)."""
    def pull(g):
        return np.einsum("oi,bo...->bi...", w.value, g), np.einsum("bo...,bi...->oi...", g, a.value).reshape(
            w.value.shape + (-1,)).sum(-1)
    return Node(np.einsum("oi,bi...->bo...", w.value, a.value), (a, w), pull)


def per_channel(v, dims):
    return v.reshape((1, -1) + (1,) * dims)


def bias(a, b):
    dims = a.value.ndim - 2
    return Node(a.value + per_channel(b.value, dims), (a, b),
                lambda g: (g, g.sum(axis=(0,) + tuple(range(2, 2 + dims)))))


def gate(a, s):
    dims = a.value.ndim - 2
    return Node(a.value * per_channel(s.value, dims), (a, s),
                lambda g: (g * per_channel(s.value, dims), (g * a.value).sum(axis=(0,) + tuple(range(2, 2 + dims)))))


def times(a, mask):
    return a if mask is None else Node(a.value * mask, (a,), lambda g: (g * mask,))


def mlp(a, w1, b1, w2=None, b2=None, mask=None):
    """mask: dropout of the hidden layer before GELU."""
    h = times(bias(linear(a, w1), b1), mask)
    return bias(linear(gelu(h), w2), b2) if w2 is not None else h


def pad(a, before, after):
    inside = (slice(None), slice(None)) + tuple(slice(p, p + n) for p, n in zip(before, a.value.shape[2:]))
    widths = [(0, 0), (0, 0)] + list(zip(before, after))
    return Node(np.pad(a.value, widths), (a,), lambda g: (g[inside],))


def crop(a, before, n):
    inside = (slice(None), slice(None)) + tuple(slice(p, p + m) for p, m in zip(before, n))

    def pull(g):
        out = np.zeros_like(a.value)
        out[inside] = g
        return (out,)
    return Node(a.value[inside], (a,), pull)


def half_to_full_adjoint(g, n):
    """Adjoint of the unnormalised rfft along the last axis: Re sum_k g_k exp(2 pi i k x / n) over the half spectrum."""
    full = np.zeros(g.shape[:-1] + (n,), complex)
    full[..., : g.shape[-1]] = g
    return np.fft.ifft(full, axis=-1).real * n


def irfft_adjoint(g, n):
    """Adjoint of irfft along the last axis (with its 1/n)."""
    weight = np.full(n // 2 + 1, 2.0)
    weight[0] = 1.0
    if n % 2 == 0:
        weight[-1] = 1.0
    return np.fft.rfft(g, axis=-1) * weight / n


def transform(x):
    """rfftn over all axes behind the channels, unnormalised, with its adjoint."""
    lead, n = tuple(range(2, x.ndim - 1)), x.shape[-1]

    def pull(g):
        back = np.fft.ifftn(g, axes=lead) * np.prod([x.shape[i] for i in lead], dtype=float) if lead else g
        return half_to_full_adjoint(back, n)
    return np.fft.rfftn(x, axes=tuple(range(2, x.ndim))), pull


def back_transform(spectrum, shape):
    """The inverse, with 1/N: ifftn over the leading axes, the imaginary parts of indices 0 and n/2 of the last axis set
    to zero (enforce_hermitian of neuraloperator; what irfft2 does for the classic code), then irfft."""
    lead, n = tuple(range(2, spectrum.ndim - 1)), shape[-1]
    y = np.fft.ifftn(spectrum, axes=lead) if lead else spectrum.copy()
    real = [0] + ([n // 2] if n % 2 == 0 else [])
    y[..., real] = y[..., real].real

    def pull(g):
        h = irfft_adjoint(g, n)
        h[..., real] = h[..., real].real
        return np.fft.fftn(h, axes=lead) / np.prod([shape[i] for i in lead], dtype=float) if lead else h
    return np.fft.irfft(y, n=n, axis=-1), pull


def centred_blocks(shape, stored):
    """neuraloperator: where the kept block lies in the shifted spectrum, and which part of the weight meets it."""
    in_spectrum, in_weight = [], []
    for j, (n, m) in enumerate(zip(shape, stored)):
        last = j == len(stored) - 1
        size = n // 2 + 1 if last else n
        start = m - min(size, m)
        k = m - start
        if last:
            in_weight.append(slice(None, -start) if start else slice(None))
            in_spectrum.append(slice(0, k))
        else:
            in_weight.append(slice(start // 2, -start // 2) if start else slice(None))
            in_spectrum.append(slice(n // 2 - k // 2, n // 2 + k // 2 + k % 2))
    return [(tuple(in_spectrum), tuple(in_weight))]


def corner_blocks(modes):
    """Li et al.: all sign combinations of the leading axes; the weight holds the negative frequencies first."""
    pairs = [((), ())]
    for m in modes[:-1]:
        pairs = [(s + (a,), w + (b,)) for s, w in pairs
                 for a, b in ((slice(None, m), slice(m, None)), (slice(-m, None), slice(None, m)))]
    return [(s + (slice(None, modes[-1]),), w + (slice(None),)) for s, w in pairs]


def spectral(a, w, li, modes, mask=None):
    """mask: dropout of the modes after the contraction, in the shape of the weight's."""
    x = a.value
    shape, dims = x.shape, x.ndim - 2
    lead = tuple(range(2, 1 + dims))
    blocks = corner_blocks(modes) if li else centred_blocks(shape[2:], w.value.shape[2:])
    shift = (lambda v: v) if li else (lambda v: np.fft.fftshift(v, axes=lead))
    unshift = (lambda v: v) if li else (lambda v: np.fft.ifftshift(v, axes=lead))
    every = (slice(None), slice(None))
    points = float(np.prod(shape[2:]))
    forward = 1.0 if li else 1.0 / points  # backward norm, forward norm
    inverse = 1.0 if li else points        # numpy's inverse divides by N already

    spectrum, pull_in = transform(x)
    low = shift(spectrum * forward)
    out = np.zeros(low.shape[:1] + (w.value.shape[1],) + low.shape[2:], complex)
    for s, k in blocks:
        out[every + s] = np.einsum("bi...,io...->bo...", low[every + s], w.value[every + k])
        if mask is not None:
            out[every + s] *= mask[every + k]
    y, pull_out = back_transform(unshift(out), shape)

    def pull(g):
        d_out = shift(pull_out(g * inverse))
        d_low, d_w = np.zeros_like(low), np.zeros_like(w.value)
        for s, k in blocks:
            d = d_out[every + s] * (1.0 if mask is None else mask[every + k])
            d_low[every + s] = np.einsum("bo...,io...->bi...", d, np.conj(w.value[every + k]))
            d_w[every + k] = np.einsum("bi...,bo...->io...", np.conj(low[every + s]), d)
        return pull_in(unshift(d_low) * forward), d_w
    return Node(y * inverse, (a, w), pull)


def coordinates(n, end):
    axes = [np.linspace(0.0, 1.0, m) if end else np.linspace(0.0, 1.0, m + 1)[:-1] for m in n]
    return np.stack(np.meshgrid(*axes, indexing="ij"))


def padding(n, amount, li):
    if li:
        return [0] * len(n), [int(a) for a in amount]
    sides = [round(a * m) for a, m in zip(amount, n)]
    return sides, sides


def pno_layer(x, p, i, last, modes, mask):
    block = "fno_blocks."
    y = bias(spectral(x, p[f"{block}convs.weight.{i}.tensor"], False, modes, mask), p[f"{block}convs.bias.{i}"])
    y = add(y, linear(x, p[f"{block}fno_skips.{i}.weight"]))
    return y if last else gelu(y)


def neuralop_layer(x, p, i, last, modes, mask):
    act = (lambda v: v) if last else gelu
    block = "fno_blocks."
    y = bias(spectral(x, p[f"{block}convs.{i}.weight.tensor"], False, modes, mask), p[f"{block}convs.{i}.bias"])
    y = act(add(y, linear(x, p[f"{block}fno_skips.{i}.conv.weight"])))
    if f"{block}channel_mlp_skips.{i}.weight" in p:
        fc = [p[f"{block}channel_mlp.{i}.fcs.{k}.{v}"] for k in (0, 1) for v in ("weight", "bias")]
        y = act(add(mlp(y, *fc), gate(x, p[f"{block}channel_mlp_skips.{i}.weight"])))
    return y


def li_layer(x, p, i, last, modes, mask):
    y = add(spectral(x, p[f"conv{i}.weights"], True, modes, mask), bias(linear(x, p[f"w{i}.weight"]), p[f"w{i}.bias"]))
    return y if last else gelu(y)


def maps(p, names):
    return [p[n] for n in names if n in p]


def operator(x, p, case, noise=None):
    """x: (b, in, n..) already normalised. Returns the nodes of the heads before the output normaliser, one or two. noise:
    masks of oracle_draws.Noise."""
    flavour, n, batch = case["flavour"], case["n"], x.shape[0]
    li = flavour == "li"
    if case["embed"]:
        grid = np.broadcast_to(coordinates(n, flavour != "neuralop"), (batch, len(n)) + tuple(n))
        x = np.concatenate([x, grid], axis=1)
    hidden = (lambda site, w: noise.hidden(site, batch, w.value.shape[0])) if noise else (lambda site, w: None)
    names = (("fc0",), (("fc1", "fc2"),)) if li else (
        ("lifting.fcs.0", "lifting.fcs.1"),
        [[f"{m}.fcs.{k}" for k in (0, 1)] for m in (("mu", "sigma") if case["heads"] == 2 else ("projection",))])
    lift = maps(p, [f"{name}.{part}" for name in names[0] for part in ("weight", "bias")])
    before, after = padding(n, case["pad"], li)
    y = pad(mlp(Node(x), *lift, mask=hidden(0, lift[0]) if len(lift) == 4 else None), before, after)
    layer, weight = {"li": (li_layer, "conv{}.weights"), "pno": (pno_layer, "fno_blocks.convs.weight.{}.tensor"),
                     "neuralop": (neuralop_layer, "fno_blocks.convs.{}.weight.tensor")}[flavour]
    for i in range(case["layers"]):
        mask = noise.modes(i, batch, p[weight.format(i)].value) if noise else None
        y = layer(y, p, i, i == case["layers"] - 1, case["modes"], mask)
    y = crop(y, before, n)
    heads = [maps(p, [f"{name}.{part}" for name in head for part in ("weight", "bias")]) for head in names[1]]
    return [mlp(y, *head, mask=hidden(1 + h, head[0])) for h, head in enumerate(heads)]


def slopes(f):
    """Central periodic differences along every axis of the grid, h = 1/n."""
    return [(np.roll(f, -1, j) - np.roll(f, 1, j)) * f.shape[j] / 2.0 for j in range(2, f.ndim)]


def loss(kind, y, target):
    """Loss of each sample and the gradient of their sum. Channels and points of a sample count together."""
    e = y - target
    rest = tuple(range(1, y.ndim))
    per_sample = (-1,) + (1,) * (y.ndim - 1)
    error, size, pulled = (e * e).sum(rest), (target * target).sum(rest), e.copy()
    if kind == "h1":
        for j, (d, t) in enumerate(zip(slopes(e), slopes(target)), start=2):
            error, size = error + (d * d).sum(rest), size + (t * t).sum(rest)
            pulled += (np.roll(d, 1, j) - np.roll(d, -1, j)) * e.shape[j] / 2.0
    norm = np.sqrt(error)
    factor = np.full_like(norm, 1.0 / math.sqrt(np.prod(y.shape[2:]))) if kind == "l2" else 1.0 / (np.sqrt(size) + 1e-8)
    return norm * factor, (factor / norm).reshape(per_sample) * pulled
