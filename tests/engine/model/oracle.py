"""Compares the operator with an independent one in float64 (oracle_fno.py).

  oracle.py DRIVER FOLDER NAME   one case of oracle_cases.txt: outputs, losses and the gradient of every tensor
  oracle.py --coverage           fails unless the cases meet every condition that they are there for
  oracle.py --self               the oracle's own gradients against its own differences"""
import filecmp
import os
import subprocess
import sys

import numpy as np

sys.dont_write_bytecode = True  # no __pycache__ beside the sources
import oracle_draws as draws  # noqa: E402
import oracle_fno as fno  # noqa: E402

TOLERANCE = 2e-6  # relative L2 of an output or a gradient tensor in fp32
CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "oracle_cases.txt")
DENSE, VECTOR, SPECTRAL = 0, 1, 2


def parse(words):
    case = dict(w.split("=", 1) for w in words)
    dims = case["n"].count(",") + 1
    for key in ("in", "out", "width", "layers", "lift", "head", "mlp", "samples", "micro"):
        case[key] = int(case[key])
    case["n"] = [int(v) for v in case["n"].split(",")]
    case["modes"] = [int(v) for v in case["modes"].split(",")]
    case["pad"] = [float(v) for v in case["pad"].split(",")] if "pad" in case else [0.0] * dims
    case["embed"] = case["embed"] == "yes"
    for key, kind, default in (("heads", int, 1), ("draws", int, 1), ("drop", float, 0.0), ("fdrop", float, 0.0),
                               ("fair", float, 1.0), ("gamma", float, 1.0)):
        case[key] = kind(case.get(key, default))
    case["laplace"] = case.get("laplace") == "yes"
    assert len(case["modes"]) == len(case["pad"]) == dims
    return case


def read_cases():
    lines = [line.split() for line in open(CASES) if line.strip() and not line.startswith("#")]
    assert len({line[0] for line in lines}) == len(lines), "two cases have one name"
    return {line[0]: line[1:] for line in lines}


def expected_shapes(case):
    """Names and shapes of the state dict that the reference code would have."""
    d, h = len(case["n"]), case["width"]
    from_, li = case["in"] + (d if case["embed"] else 0), case["flavour"] == "li"
    shapes = {}

    def two(prefix, first, names, ones):
        sizes = [s for s in first if s]
        for name, a, b in zip(names, sizes, sizes[1:]):
            shapes[f"{prefix}{name}.weight"] = (b, a) + (1,) * ones
            shapes[f"{prefix}{name}.bias"] = (b,)

    if li:
        two("", (from_, case["lift"], h), ["fc0"], 0)
        two("", (h, case["head"], case["out"]), ["fc1", "fc2"], 0)
        for i in range(case["layers"]):
            shapes[f"conv{i}.weights"] = (h, h) + tuple(2 * m for m in case["modes"][:-1]) + (case["modes"][-1],)
            shapes[f"w{i}.weight"], shapes[f"w{i}.bias"] = (h, h) + (1,) * d, (h,)
        return shapes
    pno = case["flavour"] == "pno"
    two("lifting.", (from_, case["lift"], h), ["fcs.0", "fcs.1"], 0 if pno else 1)
    for head in ("mu.", "sigma.") if case["heads"] == 2 else ("projection.",):
        two(head, (h, case["head"], case["out"]), ["fcs.0", "fcs.1"], 0 if pno else 1)
    for i in range(case["layers"]):
        b = "fno_blocks."
        if pno:
            shapes[f"{b}convs.weight.{i}.tensor"] = (h, h) + tuple(case["modes"][:-1]) + (case["modes"][-1] // 2 + 1,)
            shapes[f"{b}convs.bias.{i}"] = (h,) + (1,) * d
            shapes[f"{b}fno_skips.{i}.weight"] = (h, h) + (1,) * d
            continue
        shapes[f"{b}convs.{i}.weight.tensor"] = (h, h) + tuple(case["modes"][:-1]) + (case["modes"][-1] // 2 + 1,)
        shapes[f"{b}convs.{i}.bias"] = (h,) + (1,) * d
        shapes[f"{b}fno_skips.{i}.conv.weight"] = (h, h, 1)
        if case["mlp"]:
            two(f"{b}channel_mlp.{i}.", (h, case["mlp"], h), ["fcs.0", "fcs.1"], 1)
            shapes[f"{b}channel_mlp_skips.{i}.weight"] = (1, h) + (1,) * d
    return shapes


def logical(stored, kind, n_in, n_out, shape):
    """From storage (outputs last, padded to 16) to what the oracle computes with; the padding must hold zeros."""
    padded = (n_out + 15) // 16 * 16
    if kind == SPECTRAL:
        v = stored.reshape(tuple(shape[2:]) + (n_in, 2, padded))
        assert not v[..., n_out:].any(), "padding is not zero"
        c = v[..., 0, :n_out] + 1j * v[..., 1, :n_out]
        return np.moveaxis(c, (-2, -1), (0, 1)).copy()
    v = stored.reshape(-1, padded)
    assert not v[:, n_out:].any(), "padding is not zero"
    return v[0, :n_out].copy() if kind == VECTOR else v[:, :n_out].T.copy()


def read_tensors(folder, flat):
    out = {}
    for line in open(os.path.join(folder, "tensors.txt")):
        name, *numbers = line.split()
        kind, n_in, n_out, at, count, *shape = map(int, numbers)
        out[name] = logical(flat[at:at + count], kind, n_in, n_out, shape), tuple(shape)
    return out


class Raw:
    """The files that the driver left, channel-first and in double."""

    def __init__(self, folder, case):
        self.folder, self.case = folder, case

    def floats(self, name):
        return np.fromfile(os.path.join(self.folder, name), np.float32).astype(float)

    def doubles(self, name):
        return np.fromfile(os.path.join(self.folder, name), np.float64)

    def field(self, name, channels, each=1):
        v = self.floats(name).reshape([self.case["samples"] * each] + self.case["n"] + [channels])
        return np.moveaxis(v, -1, 1)

    def norm(self, name, channels):
        """Scale or shift of each channel, or of each point and channel of a sample."""
        v, dims = self.floats(name), len(self.case["n"])
        if self.case["norm"] == "point":
            return np.moveaxis(v.reshape(self.case["n"] + [channels]), -1, 0)
        return v.reshape((channels,) + (1,) * dims)


class Judge:
    def __init__(self, name):
        self.name, self.failed, self.worst = name, 0, 0.0

    def close(self, what, got, want, tolerance=TOLERANCE):
        scale = np.linalg.norm(want)
        error = np.linalg.norm(got - want) / scale if scale > 0 else np.linalg.norm(got)
        self.worst = max(self.worst, error)
        if not error <= tolerance or not np.isfinite(scale):
            self.failed += 1
            print(f"{self.name}: {what}: relative error {error:.3g}, allowed {tolerance:g}")

    def true(self, what, ok):
        if not ok:
            self.failed += 1
            print(f"{self.name}: {what}")


def run(case, x, target, nodes, scale, shift):
    """Outputs (sample and draw, channel, n..) and losses; leaves gradients in the nodes."""
    noise = draws.Noise(case)
    nets = fno.operator(np.repeat(x, noise.passes, axis=0), nodes, case, noise)
    if case["heads"] == 2:
        mean, s = nets[0].value * scale + shift, nets[1].value
        y, z = draws.draw(case, mean, s, scale)
        if case["loss"] == "nll":
            losses, d_mean, d_s = draws.normal_nll(case, mean, s, scale, target)
        else:
            losses, d = draws.loss(case, y, target)
            d_mean, d_s = draws.pull_heads(case, d, s, z, scale)
        both = fno.Node(np.zeros(1), nets, lambda g: (d_mean * scale, d_s))
        fno.backward(both, 1.0)
        return y.reshape((-1,) + mean.shape[1:]), losses
    output = nets[0].value * scale + shift
    if case["loss"] in ("l2", "rel", "h1"):
        losses, d_output = fno.loss(case["loss"], output, target)
    else:
        losses, d = draws.loss(case, output.reshape((case["samples"], case["draws"]) + output.shape[1:]), target)
        d_output = d.reshape(output.shape)
    fno.backward(nets[0], d_output * scale)
    return output, losses


def compare(name, case, folder):
    raw, judge = Raw(folder, case), Judge(name)
    params, grads = read_tensors(folder, raw.floats("params")), read_tensors(folder, raw.floats("grad"))
    judge.true("names and shapes of the tensors differ from the state dict of the reference",
               {k: s for k, (_, s) in params.items()} == expected_shapes(case))
    nodes = {k: fno.Node(v) for k, (v, _) in params.items()}
    x, target = raw.field("input", case["in"]), raw.field("target", case["out"])
    x = (x - raw.norm("in_shift", case["in"])) / raw.norm("in_scale", case["in"])
    output, losses = run(case, x, target, nodes, raw.norm("out_scale", case["out"]), raw.norm("out_shift", case["out"]))

    judge.close("output", raw.field("output", case["out"], case["draws"]), output)
    judge.close("output without training", raw.field("forward", case["out"], case["draws"]), output)
    judge.close("loss", raw.doubles("loss"), losses)
    for kind in ("l2", "rel", "h1") if len(output) == len(target) else ():
        judge.close(f"loss {kind} of the output", raw.doubles(f"loss_{kind}"), fno.loss(kind, output, target)[0])
    for key, node in nodes.items():
        judge.close(f"gradient of {key}", grads[key][0], node.grad)
        judge.true(f"gradient of {key} is zero: the case says nothing about it", node.grad.any())
    print(f"{name}: {len(nodes)} tensors, largest relative error {judge.worst:.2g}, {judge.failed} failures")
    return judge.failed == 0


TABLES = ("cpu/scalar", "cpu/avx2", "cpu/avx512", "cpu/avx2+fft", "cpu/avx512+fft")  # +fft: rows by FFTW
NO_SUCH_TABLE = 77


def same_bits(name, one, other):
    """Threads may not change a bit of anything."""
    differ = [f for f in sorted(os.listdir(one)) if not filecmp.cmp(os.path.join(one, f), os.path.join(other, f), False)]
    if differ:
        print(f"{name}: three threads give other bits than one: {', '.join(differ)}")
    return not differ


def run_case(driver, folder, name):
    """Each table that this processor can run, by one thread and by three. Short rows by FFTW: tests/kernels."""
    words, good, ran = read_cases()[name], True, 0
    for table in TABLES:
        if "+" in table and parse(words)["n"][-1] < 24:
            continue
        folders = [os.path.join(folder, table.replace("/", "-") + f"-{threads}") for threads in (1, 3)]
        codes = []
        for threads, f in zip((1, 3), folders):
            os.makedirs(f, exist_ok=True)
            codes.append(subprocess.run([driver, f, table, str(threads)] + words).returncode)
        if codes == [NO_SUCH_TABLE] * 2 and table != "cpu/scalar":
            continue
        if any(codes):
            print(f"{name} {table}: exit codes {codes}")
            good = False
            continue
        ran += 1
        good = compare(f"{name} {table}", parse(words), folders[0]) and same_bits(name, *folders) and good
    print(f"{name}: {ran} tables")
    return good


def stands(case, j, n):
    """Where the modes of an axis stand against n/2, counted as frequencies on each side."""
    m = case["modes"][j] if case["flavour"] == "li" else case["modes"][j] / 2
    return "below" if m < n // 2 else "at" if m <= n / 2 else "above"


def facts(case):
    """Every condition that a case meets, as tuples that `wanted` lists."""
    f, d, two = case["flavour"], len(case["n"]), "two heads" if case["heads"] == 2 else "one head"
    whole = [n + int(p) if f == "li" else n + 2 * round(p * n) for n, p in zip(case["n"], case["pad"])]
    out = {(f, d), (f, d, "pad", any(case["pad"])), (f, case["loss"]), (f, d, case["loss"]), (f, "norm", case["norm"]),
           (f, "mlp", case["mlp"] > 0), (f, d, "mlp", case["mlp"] > 0), (f, "embed", case["embed"]),
           (f, "ragged width", case["width"] % 16 > 0), (f, d, "blocks", np.prod(whole) > 1024),
           (f, "two samples a micro-batch", case["micro"] == 2 and case["samples"] == 3),
           (f, "several channels", case["in"] > 1 and case["out"] > 1), (f, "wide out", case["out"] > 4),
           (f, d, "not square", len(set(case["n"])) > 1), (two, case["loss"]), (f, "dropped", case["drop"] > 0),
           (f, "modes dropped", case["fdrop"] > 0), (f, d, two), ("kernel", case["laplace"]),
           ("fair", case["fair"], case["draws"] > 1), (two, "wide", case["out"] > 4)}
    for j, n in enumerate(whole):
        out |= {(f, d, "last" if j == d - 1 else "lead", ("even", "odd")[n % 2], stands(case, j, n))}
    return out


def wanted():
    for f in ("neuralop", "li"):
        for d in (1, 2, 3):
            yield from [(f, d), (f, d, "pad", True), (f, d, "pad", False)]
            yield from [(f, d, loss) for loss in ("l2", "rel", "h1")]
            yield from [(f, d, "not square", True)] if d > 1 else []
        yield from [(f, "norm", n) for n in ("none", "channel", "point")]
        yield from [(f, "embed", True), (f, "embed", False), (f, "ragged width", True), (f, "ragged width", False),
                    (f, "two samples a micro-batch", True), (f, "several channels", True), (f, "wide out", True),
                    (f, 2, "blocks", True)]
        for parity in ("even", "odd"):
            for where in ("below", "at") + (("above",) if f == "neuralop" else ()):
                yield from [(f, 1, "last", parity, where), (f, 2, "last", parity, where), (f, 2, "lead", parity, where)]
    yield ("neuralop", 3, "blocks", True)
    yield from [(heads, loss) for heads in ("one head", "two heads")
                for loss in ("energy", "rel_energy", "crps", "kernel", "nll")]
    yield from [("one head", loss) for loss in ("l2", "rel", "h1")]
    yield from [(f, what, True) for f in ("neuralop", "li", "pno") for what in ("dropped", "modes dropped")]
    yield from [("pno", d, heads) for d in (1, 2, 3) for heads in ("one head", "two heads")]
    yield from [("kernel", True), ("kernel", False), ("fair", 1.0, True), ("fair", 0.0, True), ("two heads", "wide", True)]
    yield from [("neuralop", d, "mlp", on) for d in (1, 2, 3) for on in (True, False)]


def coverage():
    met = set().union(*(facts(parse(words)) for words in read_cases().values()))
    missing = [w for w in wanted() if w not in met]
    for w in missing:
        print("no case is", *w)
    return not missing


def draw(rng, key, shape):
    """Values of a tensor in the shape that the oracle computes with: (in, out, k..), (out, in) or (out,)."""
    if key.endswith(("weights", "tensor")):
        return rng.normal(size=shape) + 1j * rng.normal(size=shape)
    if key.endswith("bias") or "channel_mlp_skips" in key:
        return rng.normal(size=max(shape))
    return rng.normal(size=shape[:2])


def check_self():
    """Along a random direction, (L(p + h d) - L(p - h d)) / 2h against the gradient; 1e-10 of the loss is rounding."""
    ok, rng = True, np.random.default_rng(1)
    for name in ("n1-even-above", "n2-above-even", "n2-pad-one-axis", "n3-above", "l1-even-at", "l2-pad", "l3-pad"):
        case = parse(read_cases()[name])
        values = {}
        for key, shape in expected_shapes(case).items():
            values[key] = draw(rng, key, shape) / 3
        x = rng.normal(size=[2, case["in"]] + case["n"])
        target = rng.normal(size=[2, case["out"]] + case["n"])

        def total(v):
            nodes = {k: fno.Node(a) for k, a in v.items()}
            net, = fno.operator(x, nodes, case)
            losses, d = fno.loss(case["loss"], net.value, target)
            return losses.sum(), net, d, nodes

        _, net, d, nodes = total(values)
        fno.backward(net, d)
        for key in values:
            way = draw(rng, key, expected_shapes(case)[key])
            up, down = (total({**values, key: values[key] + s * 1e-5 * way})[0] for s in (1, -1))
            got = np.sum((np.conj(nodes[key].grad) * way).real)
            allowed = 1e-6 * np.linalg.norm(nodes[key].grad) * np.linalg.norm(way) + 1e-10 * abs(up)
            if not abs((up - down) / 2e-5 - got) <= allowed:
                print(f"{name}: {key}: difference {(up - down) / 2e-5:.12g}, gradient {got:.12g}")
                ok = False
    return ok


if __name__ == "__main__":
    if sys.argv[1:] == ["--coverage"]:
        good = coverage()
    elif sys.argv[1:] == ["--self"]:
        good = check_self() and draws.check_self()
    else:
        good = run_case(*sys.argv[1:])
    sys.exit(0 if good else 1)
