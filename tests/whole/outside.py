"""What a run leaves behind, read by an independent program: optimiser steps, names, predictions, pictures, metrics."""
import glob
import struct
import zlib

import h5py
import numpy as np
import xarray

from whole import check, checkpoint, generate, journal, pno, main, train

EPS32 = 2.0 ** -23
B1, B2, EPS, DECAY = 0.9, 0.999, 1e-8, 0.01


def neuralop_names(layers, width=8, modes=(4, 4), inputs=1, outputs=1):
    """Names and shapes of neuralop.models.FNO 2.x with grid embedding, linear skips and gated channel MLPs."""
    shapes = {}
    for part, sizes in (("lifting", (inputs + 2, 2 * width, width)), ("projection", (width, 2 * width, outputs))):
        for i in (0, 1):
            shapes[f"{part}.fcs.{i}.weight"] = (sizes[i + 1], sizes[i], 1)
            shapes[f"{part}.fcs.{i}.bias"] = (sizes[i + 1],)
    for i in range(layers):
        block = {f"convs.{i}.weight.tensor": (width, width, modes[0], modes[1] // 2 + 1),
                 f"convs.{i}.bias": (width, 1, 1), f"fno_skips.{i}.conv.weight": (width, width, 1),
                 f"channel_mlp.{i}.fcs.0.weight": (width // 2, width, 1), f"channel_mlp.{i}.fcs.0.bias": (width // 2,),
                 f"channel_mlp.{i}.fcs.1.weight": (width, width // 2, 1), f"channel_mlp.{i}.fcs.1.bias": (width,),
                 f"channel_mlp_skips.{i}.weight": (1, width, 1, 1)}
        shapes.update({f"fno_blocks.{name}": shape for name, shape in block.items()})
    return shapes


def names_are_neuraloperators():
    generate("d.h5", 4)
    train(2, "r", "d.h5", "train.steps=1", "data.batch=4")
    arrays = checkpoint("r")[0]
    want = neuralop_names(layers=4)
    have = {n[6:]: a.shape for n, a in arrays.items() if n.startswith("model/")}
    check(have == want, "names or shapes differ:", set(have.items()) ^ set(want.items()))
    for name, shape in want.items():
        spectral = name.endswith("tensor")
        check(arrays["model/" + name].dtype == ("c8" if spectral else "f4"), name, "is", arrays["model/" + name].dtype)
        m, v = arrays[f"optim/{name}.m"], arrays[f"optim/{name}.v"]
        check(m.shape == v.shape == shape and v.dtype == "f4" and np.iscomplexobj(m) == spectral, "moments of", name)


def adam(p, g, m, v, step, lr, decoupled):
    """One step in double precision; |g|^2 for complex numbers."""
    if not decoupled:
        g = g + DECAY * p
    m = B1 * m + (1 - B1) * g
    v = B2 * v + (1 - B2) * np.abs(g) ** 2
    change = lr * (m / (1 - B1 ** step)) / (np.sqrt(v / (1 - B2 ** step)) + EPS)
    return p - change - (lr * DECAY * p if decoupled else 0), m, v


def close(have, want, slack, *where):
    """Within rounding of the stored number and slack beside it, element by element."""
    off = np.abs(have.astype(want.dtype) - want) - 4 * EPS32 * np.abs(want)
    check(np.max(off) <= slack, *where, "is off by", np.max(off), "more than rounding; allowed", slack)


def steps_can_be_recomputed():
    """Gradients follow from two first moments, then second moments and weights are predicted."""
    generate("d.h5", 8)
    for algorithm in ("adam", "adamw"):
        train(2, algorithm, "d.h5", f"train.optimizer={algorithm}", f"train.weight_decay={DECAY}", "data.batch=4",
              "train.steps=4", "checkpoint.at_start=true", "checkpoint.every=1", "train.lr=0.01", "train.warmup=5",
              "train.schedule=none")
        rows, states = journal(algorithm), [checkpoint(algorithm, step)[0] for step in range(5)]
        names = [n[6:] for n in states[0] if n.startswith("model/")]
        check(len(names) == 40, len(names), "tensors")
        for step in range(1, 5):
            old, new, lr = states[step - 1], states[step], rows[step - 1]["lr"]
            check(abs(lr - 0.01 * step / 5) < 1e-12, "warm-up: lr", lr, "in step", step)
            square = 0.0
            for name in names:
                p, p1 = (s["model/" + name] for s in (old, new))
                wide = "c16" if np.iscomplexobj(p) else "f8"
                m, m1, v = (s.astype(wide) for s in (old[f"optim/{name}.m"], new[f"optim/{name}.m"],
                                                     old[f"optim/{name}.v"]))
                g = (m1 - B1 * m) / (1 - B1)
                if algorithm == "adam":
                    g = g - DECAY * p  # its L2 decay is in the moments
                square += np.sum(np.abs(g) ** 2)
                want, _, v2 = adam(p.astype(wide), g, m, v.real, step, lr, algorithm == "adamw")
                where = f"{algorithm} step {step} {name}"
                top = np.max(np.abs(v2))
                close(new[f"optim/{name}.v"], v2, 1e-5 * top, where, "v")
                close(p1, want, 2e-4 * lr, where)
                check(np.any(p1 != p), where, "did not move")
            norm = rows[step - 1]["grad_norm"]
            check(abs(np.sqrt(square) / norm - 1) < 1e-4, "grad_norm", norm, "but the gradients have", np.sqrt(square))


def decode_png(path):
    """Width, height and pixel rows; every checksum is verified."""
    with open(path, "rb") as file:
        data = file.read()
    check(data[:8] == b"\x89PNG\r\n\x1a\n", path, "has no PNG signature")
    at, header, packed, kind = 8, None, b"", b""
    while at < len(data):
        (length,), kind = struct.unpack(">I", data[at:at + 4]), data[at + 4:at + 8]
        body = data[at + 8:at + 8 + length]
        check(struct.unpack(">I", data[at + 8 + length:at + 12 + length])[0] == zlib.crc32(kind + body), path, "CRC")
        header = struct.unpack(">IIBBBBB", body) if kind == b"IHDR" else header
        packed += body if kind == b"IDAT" else b""
        at += 12 + length
    check(kind == b"IEND" and header, path, "ends with", kind)
    width, height, depth, colour = header[:4]
    channels = {0: 1, 2: 3, 3: 1, 6: 4}[colour]
    rows = zlib.decompress(packed)
    check(len(rows) == height * (1 + (width * channels * depth + 7) // 8), path, "has another number of pixels")
    return width, height, rows


def predictions_and_metrics_open_anywhere():
    generate("d.h5", 10, "24,20")
    train(2, "r", "d.h5", "train.epochs=3", "data.batch=4", "data.valid_samples=5")
    pno(3, "predict", "r", "--samples", "5", "-o", "p.h5")
    with h5py.File("p.h5", "r") as file, h5py.File("d.h5", "r") as data:
        truth, out, score = (file[n][()] for n in ("truth", "prediction", "rel_l2"))
        check(file["sample"][()].tolist() == [5, 6, 7, 8, 9], "not the samples that were held out:", file["sample"][()])
        fields = [data["t0_fields"][n][5:].reshape(5, 1, 24, 20) for n in data["t0_fields"]]
        check(any(np.array_equal(truth, f) for f in fields), "truth is not in the data set")
        check(any(np.array_equal(file["input"][()], f) for f in fields), "input is not in the data set")
    want = [np.linalg.norm((o - t).astype("f8")) / np.linalg.norm(t.astype("f8")) for o, t in zip(out, truth)]
    check(np.allclose(score, want, rtol=1e-5), "rel_l2", score, "but numpy says", want)
    with xarray.open_dataset("p.h5", engine="h5netcdf") as ds:
        check(ds["prediction"].dims == ("sample", "channel", "x", "y"), "dimensions", ds["prediction"].dims)
        check(ds["rel_l2"].dims == ("sample",) and ds["x"].size == 24 and ds["y"].size == 20, "coordinates", ds.sizes)
        check(np.all(np.diff(ds["x"].values) > 0) and ds["x"].values[[0, -1]].tolist() == [0, 1], "x is", ds["x"].values)
        check(np.array_equal(ds["prediction"].values, out), "xarray reads other values than h5py")
    pictures = sorted(glob.glob("p-*.png"))
    check(len(pictures) == 5, "pictures:", pictures)
    seen = {decode_png(path) for path in pictures}
    check(len(seen) == 5 and all(w > 48 and h > 20 and len(set(rows)) > 20 for w, h, rows in seen), "pictures are blank")
    rows, valid = journal("r"), journal("r", "valid")
    with h5py.File("r/metrics.h5", "r") as file:
        for name in ("loss", "grad_norm", "lr", "step", "epoch"):
            check(file["train"][name][()].tolist() == [row[name] for row in rows], "/train/" + name)
        check(file["valid/rel_l2"][()].ravel().tolist() == [row["rel_l2"] for row in valid] and valid, "/valid/rel_l2")


if __name__ == "__main__":
    main(names_are_neuraloperators, steps_can_be_recomputed, predictions_and_metrics_open_anywhere)
