"""Do the peers compute the same thing? From the same weights, on small grids of 1, 2 and 3 axes: loss, output and every
gradient of unfused and jax_fno beside torch_li in float64, and the parameters of unfused after one step of Adam.

    python check.py BUILD        BUILD: a build folder with -Dpeers=true

Weight files: the dense tensors, then spectra as (k0, .., in, out), all float32. Result files: loss, output, gradient and
(unfused) new parameters in that order."""
import argparse
import math
import os
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = ({"n": "24", "modes": 5}, {"n": "16,12", "modes": 4}, {"n": "8,12,16", "modes": 3}, {"n": "64,64", "modes": 12})
WIDTH, BATCH = 8, 3
LIMITS = {"loss": 2e-6, "output": 5e-6, "gradient": 5e-5, "parameters": 1e-5}


def load_jax(args):
    import jax_fno
    dense, spectral = jax_fno.shapes(args)
    flat = np.fromfile(args.weights, np.float32)
    ends = np.cumsum([math.prod(s) for s in dense] + [2 * math.prod(s) for s in spectral])
    parts = np.split(flat, ends[:-1])
    pairs = [p.view(np.complex64).reshape(s) for p, s in zip(parts[len(dense):], spectral)]
    return [p.reshape(s) for p, s in zip(parts, dense)], [(p.real.copy(), p.imag.copy()) for p in pairs]


def save_jax(args, loss, out, grad):
    dense, spectral = grad
    parts = [np.float32([loss]), out, *dense] + [np.stack(pair, -1) for pair in spectral]
    np.concatenate([np.asarray(p, np.float32).ravel() for p in parts]).tofile(args.result)


def tensors_of(model, pick):
    """pick(parameter) of all tensors as the files have them: a list of (name, flat array)."""
    dense = [("fc0", model.fc0)] + [(f"w{i}", w) for i, w in enumerate(model.w)] + [("fc1", model.fc1), ("fc2", model.fc2)]
    named = [(f"{name}.{p}", pick(getattr(layer, p))) for name, layer in dense for p in ("weight", "bias")]
    for i, conv in enumerate(model.conv):
        corners = dict(zip([tuple(s.start < 0 for s in c[:-1]) for c in conv.corners], map(pick, conv.weights)))
        whole = join(corners, conv.dims - 1, ())
        named.append((f"conv{i}", np.moveaxis(whole, (0, 1), (-2, -1))))
    return [(name, np.ascontiguousarray(v).reshape(-1)) for name, v in named]


def join(corners, axes, known):
    if axes == 0:
        return corners[known]
    return np.concatenate([join(corners, axes - 1, known + (high,)) for high in (False, True)], axis=2 + len(known))


def flat(named):
    return np.concatenate([v.astype(np.complex64).view(np.float32) if np.iscomplexobj(v) else v.astype(np.float32)
                           for _, v in named])


def reference(case, weights):
    """One step of torch_li in float64 from the float32 weights that it writes to a file."""
    import torch
    import steps
    import torch_li
    args = steps.arguments(case)
    torch.manual_seed(0)
    model = torch_li.FNO(args.modes, args.width, len(args.n))
    flat(tensors_of(model, lambda p: p.detach().numpy())).tofile(weights)
    torch.set_default_dtype(torch.float64)
    model = model.double()
    for conv in model.conv:  # double() leaves complex numbers alone
        conv.weights = torch.nn.ParameterList(torch.nn.Parameter(w.detach().to(torch.cdouble)) for w in conv.weights)
    cfloat, torch.cfloat, single, torch.float = torch.cfloat, torch.cdouble, torch.float, torch.double
    x, y = (torch.from_numpy(f)[..., None].double() for f in steps.fields(args))
    out = model(x)
    torch.cfloat, torch.float = cfloat, single
    torch.set_default_dtype(torch.float32)
    loss = torch_li.relative_l2(out, y)
    loss.backward()
    gradient = tensors_of(model, lambda p: p.grad.numpy())
    torch_li.adam(model, False).step()
    return [("loss", "loss", np.array([loss.item()])), ("output", "output", out.detach().numpy().ravel()),
            *(("gradient", *t) for t in gradient),
            *(("parameters", *t) for t in tensors_of(model, lambda p: p.detach().numpy()))]


def compare(peer, case, wanted, path):
    """The worst relative distance of each kind; complaints where it is above its limit."""
    found, worst, wrong = np.fromfile(path, np.float32), {}, []
    for kind, name, want in wanted:
        want = want.view(np.float64) if np.iscomplexobj(want) else want
        if found.size == 0:
            break
        part, found = found[:want.size], found[want.size:]
        off = np.linalg.norm(part - want) / np.linalg.norm(want) if part.size == want.size else math.inf
        worst[kind] = max(worst.get(kind, 0), off)
        if not off <= LIMITS[kind]:
            wrong.append(f"{peer} {case}: {kind} {name} is off by {off:.1e}, {LIMITS[kind]:.0e} allowed")
    print(peer, *case[:4], " ".join(f"{kind} {off:.1e}" for kind, off in worst.items()), flush=True)
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    build = os.path.join(parser.parse_args().build, "benchmarks", "peers")
    peers = {"unfused": [os.path.join(build, "unfused")], "jax": [sys.executable, os.path.join(HERE, "jax_fno.py")]}
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        weights, result = os.path.join(folder, "weights"), os.path.join(folder, "result")
        for sizes in CASES:
            case = ["--n", sizes["n"], "--modes", str(sizes["modes"]), "--width", str(WIDTH), "--batch", str(BATCH)]
            wanted = reference(case, weights)
            for peer, command in peers.items():
                for threads in "12":
                    subprocess.run([*command, *case, "--threads", threads, "--weights", weights, "--result", result],
                                   check=True, timeout=300)
                    wrong += compare(f"{peer}, {threads} threads", case, wanted, result)
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
