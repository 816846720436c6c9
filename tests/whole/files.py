"""Data made here: parameters as inputs, files that others read, pictures, predictions fed with themselves."""
import os
import re
import struct
import sys

import h5py
import numpy as np
import xarray
import yaml

from whole import LONG, SOURCE_ROOT, check, checkpoint, generate, losses, main, pno, train

sys.path.insert(0, os.path.join(SOURCE_ROOT, "tests", "io"))
import well_check  # noqa: E402

INPUT, USAGE = 3, 2
LINE = ("model.modes=4", "model.layers=2", "data.batch=4")

# kind, grid and what makes a small file of it; the last: axes of its fields in time, or None
EQUATIONS = [("darcy", "9,11", [], None), ("burgers", "32", ["pde.recipe=pdebench", "pde.refine=8", "pde.frames=5", "pde.time=0.1"], "x"),
             ("kuramoto_sivashinsky", "128", ["pde.frames=4", "pde.time=2"], "x"),
             ("navier_stokes", "16,16", ["pde.frames=4", "pde.time=0.5"], "xy")]


def burgers(path, samples, *words, ranks=1):
    return generate(path, samples, "32", ranks, "pde.kind=burgers", "pde.parameters=nu=loguniform:0.01:0.1", *words)


def series(path, samples, *words):
    return burgers(path, samples, "pde.recipe=pdebench", "pde.frames=11", "pde.time=0.5", *words)


# ---- parameters ----

def parameters_are_inputs():
    """A scalar of the file is a channel: in training, in its normaliser, in eval and in predictions; on any ranks."""
    burgers("d.h5", 16)
    words = ("data.input=u,nu", "data.valid_samples=4", *LINE)
    for ranks in (1, 2):
        train(ranks, f"r{ranks}", "d.h5", *words, "train.steps=6", "train.epochs=20")
    worst = np.max(np.abs(losses("r1") / losses("r2") - 1))
    check(len(losses("r1")) == 6 and worst <= 1e-6, "losses on 2 ranks differ by", worst)
    arrays, scalars = checkpoint("r1")
    check(scalars["model/in"] == 2, scalars)
    with h5py.File("d.h5", "r") as f:
        nu = f["scalars/nu"][()]
        check(nu.shape == (16,) and (nu >= 0.01).all() and (nu <= 0.1).all() and len(set(nu)) == 16, nu)
        check(f["scalars/sigma"].shape == () and "nu" not in f.attrs["simulation_parameters"], dict(f.attrs))
    mean = [a for n, a in arrays.items() if a.size == 2 and "mean" in n and "x" in n.split("/")[-1]]
    check(any(abs(m.ravel()[1] / nu[:12].mean() - 1) < 1e-6 for m in mean), "normaliser of the inputs:", mean)
    check("rel_l2" in pno(1, "eval", "r1"))
    pno(1, "predict", "r1", "-o", "p.h5")
    with h5py.File("p.h5", "r") as f:
        seen = f["input"][:, 1]
        check(np.array_equal(seen, np.repeat(nu[12:, None].astype("f4"), 32, 1)), "the channel is not nu")


def a_parameter_that_is_one_number_divides_by_nothing():
    """Constant in training, another value elsewhere: both give numbers."""
    words = ("data.input=u,sigma", "data.normalize_input=point", *LINE)
    burgers("d.h5", 8)
    train(1, "r", "d.h5", *words, "train.steps=4")
    check(np.isfinite(losses("r")).all(), losses("r"))
    burgers("other.h5", 4, "pde.parameters=sigma=30,nu=0.05")
    score = float(re.search(r"32\s+([0-9.e+-]+)", pno(1, "eval", "r", "data.test=other.h5")).group(1))
    check(np.isfinite(score) and score < 100, "eval says", score)


def names_that_are_not_there_are_answered_with_those_that_are():
    burgers("d.h5", 4)
    text = train(0, "r", "d.h5", "data.input=u,mu", *LINE, code=INPUT)
    for word in ("mu", "fields: u", "scalars: alpha, nu, sigma, tau"):
        check(word in text, f"'{word}' is not in", text)
    text = train(0, "r", "d.h5", "data.target=nu", *LINE, code=INPUT)
    check("nu is a scalar" in text, text)


# ---- files ----

def files_open_elsewhere():
    """Every equation: The Well's layout, named coordinates, statistics, no trace of the number of ranks."""
    for kind, grid, words, axes in EQUATIONS:
        path = f"{kind}.h5"
        digest = generate(path, 3, grid, 1, f"pde.kind={kind}", *words)
        check(not well_check.complaints(path), kind, well_check.complaints(path))
        with h5py.File(path, "r") as f, open(f"{path}.stats.yaml", encoding="utf-8") as text:
            said = yaml.safe_load(text)
            for group in "t0_fields", "t1_fields":
                for name, node in f[group].items():
                    values = node[()].astype("f8")
                    over = tuple(range(values.ndim - (group == "t1_fields")))
                    check(np.allclose(said["mean"][name], values.mean(over), rtol=1e-9, atol=1e-12), kind, name, said)
                    check(np.allclose(said["std"][name], values.std(over), rtol=1e-9, atol=1e-12), kind, name, said)
            check(f.attrs["equation"] == kind.encode() and f.attrs["split"] == b"train", dict(f.attrs))
        with xarray.open_dataset(path, engine="h5netcdf") as root:
            fields = xarray.open_dataset(path, group="t0_fields", engine="h5netcdf").assign_coords(root.coords)
            for name, field in fields.items():
                timed = ("trajectory", "time", *("xy" if axes is None else axes))
                check(field.dims in (timed, tuple(d for d in timed if d != "time")), kind, name, field.dims)
                check(np.isfinite(field.sel(x=float(root.x[1])).values).all(), kind, name)
        os.rename(path, "one.h5")
        check(generate(path, 3, grid, 3, f"pde.kind={kind}", *words) == digest, kind, "another digest on 3 ranks")
        with open("one.h5", "rb") as one, open(path, "rb") as three:
            check(one.read() == three.read(), kind, "other bytes on 3 ranks")
        os.remove(path)


def files_beside_can_be_left_out():
    burgers("d.h5", 4, "data.sidecars=false")
    check(sorted(os.listdir()) == ["d.h5"], os.listdir())
    burgers("e.h5", 4)
    check(sorted(os.listdir()) == ["d.h5", "e.h5", "e.h5.stats.yaml", "e.h5.xdmf"], os.listdir())


def a_file_opens_however_few_frames_it_has():
    """The window of kuramoto_sivashinsky is 20 frames to 20 with stride 2."""
    for frames, view in ((40, (10, 10, 2)), (10, (2, 2, 2)), (5, (2, 2, 1)), (3, (1, 1, 1))):
        path = f"k{frames}.h5"
        generate(path, 2, "128", 1, "pde.kind=kuramoto_sivashinsky", f"pde.frames={frames}", "pde.time=1")
        with h5py.File(path) as f:
            found = tuple(int(f.attrs[n]) for n in ("frames_in", "frames_out", "stride"))
            check(found == view, frames, "frames:", found)
        text = pno(0, "info", path)
        check(f"times      {frames}," in text and ("space_time" if frames > 3 else "steady") in text, text)
    with h5py.File("k3.h5", "r+") as f:
        f.attrs["sample_mode"] = np.bytes_("space_time")
        f.attrs["frames_in"] = 20
    text = pno(0, "info", "k3.h5")
    check("field      u" in text and "none as the file has it (" in text and "20 frames_in" in text, text)


def info_says_what_a_file_holds():
    series("d.h5", 6, "run.seed=7", "pde.split=valid")
    text = pno(0, "info", "d.h5")
    with h5py.File("d.h5", "r") as f:
        u, nu = f["t0_fields/u"][()], f["scalars/nu"][()]
    for line in ("equation   burgers", "solver     pseudo-spectral", "6 trajectories, seed 7, split valid",
                 "axis x     32 points, 0 to 0.96875, periodic", "times      11, 0 to 0.5",
                 f"field      u  min {u.min():.4g}  mean {u.astype('f8').mean():.4g}  max {u.max():.4g}",
                 f"scalar     nu  {nu.min():g} to {nu.max():g}, each trajectory", "scalar     sigma  0, for all",
                 "samples    6 (autoregressive, 10 frames to 1, stride 1)", "channels   10 -> 1", "digest     xxh3-128:"):
        check(line in text, f"'{line}' is not in\n{text}")
    pno(0, "info", "d.h5", "--png", "a.png", "--sample", "5")
    with open("a.png", "rb") as file:
        head = file.read(24)
    check(head[:8] == b"\x89PNG\r\n\x1a\n", head)
    width, height = struct.unpack(">II", head[16:])
    check(width > 256 and height > 128, "a picture of", width, "x", height)
    check("no field w; there are: u" in pno(0, "info", "d.h5", "--png", "b.png", "--field", "w", code=USAGE))
    for words in (("d.h5", "--field", "u"), ("d.h5", "--sample", "1"), ("--png", "b.png")):
        check("--png" in pno(0, "info", *words, code=USAGE), words, "has no effect")
    check("the file to draw" in pno(0, "info", "d.h5", "--png", "./d.h5", code=USAGE))
    check("trajectory 6 of 6" in pno(0, "info", "d.h5", "--png", "b.png", "--sample", "6", code=USAGE))


# ---- rollouts ----

def one_step(run, u, name, *words):
    """What predict makes of frames [2][x], given as a file of another program."""
    with h5py.File(f"{name}.h5", "w") as f:
        f["y"] = np.concatenate([u, u[-1:]])[None].astype("f4")
    pno(1, "predict", run, f"data.test={name}.h5", "data.mode=autoregressive", "data.frames_in=2", "data.frames_out=1",
        "--samples", "1", "-o", f"{name}-p.h5", *words)
    with h5py.File(f"{name}-p.h5", "r") as f:
        return f["prediction"][0, 0]


def rollouts_feed_on_themselves():
    """Every frame is what predict makes of the two before it; truth, times and errors beside them."""
    series("d.h5", 6)
    series("t.h5", 3, "pde.split=test")
    train(2, "r", "d.h5", "data.frames_in=2", "data.frames_out=1", *LINE, "train.steps=20", "data.test=t.h5")
    text = pno(2, "predict", "r", "--rollout", "12", "--samples", "2")
    with xarray.open_dataset("r/predictions/rollout.h5", engine="h5netcdf") as ds, h5py.File("t.h5", "r") as f:
        check(ds.prediction.dims == ("sample", "channel", "time", "x"), ds.prediction.dims)
        check(ds.input.dims == ("sample", "channel_in", "x") and ds.rel_l2.dims == ("sample", "time"), ds)
        times = f["time"][()]
        check(np.allclose(ds.time, np.append(times[2:], times[-1] + 0.05 * np.arange(1, 4))), ds.time.values)
        truth = f["t0_fields/u"][:2, 2:]
        check(np.array_equal(ds.truth[:, 0, :9], truth) and np.isnan(ds.truth[:, 0, 9:]).all(), "truth")
        u = ds.prediction.values[:, 0]
        wide = truth.astype("f8")
        error = np.linalg.norm(u[:, :9] - wide, axis=2) / (np.linalg.norm(wide, axis=2) + 1e-8)
        check(np.allclose(ds.rel_l2[:, :9], error, rtol=1e-6) and np.isnan(ds.rel_l2[:, 9:]).all(), ds.rel_l2.values)
        check(f"{1:7d} {times[2]:12.6g} {error[:, 0].mean():10.5f}" in text, text)
        frames = np.concatenate([f["t0_fields/u"][1, :2], u[1]])
        for k in (0, 1, 5):
            check(np.array_equal(one_step("r", frames[k:k + 2], f"c{k}"), u[1, k]), "frame", k, "has other bits")
        check(os.path.exists("r/predictions/rollout-0001.png"))


def every_draw_rolls_out_on_its_own():
    """Members, their mean and deviation; the first frame is that of predict; the same on 1 and 3 ranks."""
    series("d.h5", 6)
    series("t.h5", 3, "pde.split=test")
    for method in ("pno_r", "ensemble") + (("pno_d", "mcdropout", "laplace") if LONG else ()):
        run = f"r-{method}"
        train(1, run, "d.h5", "data.input=u,nu", "data.frames_in=2", "data.stride=1", *LINE, "train.steps=8", "data.test=t.h5",
              f"uq.method={method}", "uq.samples=3", "uq.ensemble=3")
        for ranks in (1, 3):
            pno(ranks, "predict", run, "--rollout", "5", "--samples", "3", "-o", f"o{ranks}.h5")
        pno(1, "predict", run, "--samples", "1", "-o", "p.h5")
        with h5py.File("o1.h5", "r") as f, h5py.File("o3.h5", "r") as g, h5py.File("p.h5", "r") as p:
            for name in f:
                check(f[name][()].tobytes() == g[name][()].tobytes(), method, name, "has other bits on 3 ranks")
            draws = f["draw"][()].astype("f8")
            check(draws.shape == (3, 3, 1, 5, 32), draws.shape)
            check(np.allclose(f["prediction"][()], draws.mean(1), rtol=1e-5, atol=1e-6), method, "mean")
            check(np.allclose(f["std"][()], draws.std(1, ddof=1), rtol=1e-4, atol=1e-6), method, "std")
            spread = np.sqrt(draws.var(1, ddof=1).mean((1, 3)))
            check(np.allclose(f["spread"][()], spread, rtol=1e-4), method, f["spread"][()], spread)
            check(np.array_equal(f["draw"][0, :, :, 0], p["draw"][0]), method, "the first step is not what predict makes")
            check(np.array_equal(f["input"][0], p["input"][0]) and f.attrs["rollout"] == b"5", method, dict(f.attrs))


def what_cannot_roll_out_is_refused():
    burgers("d.h5", 6)
    train(1, "r", "d.h5", *LINE, "train.steps=1")
    check("steady" in pno(0, "predict", "r", "--rollout", "3", code=USAGE))
    check("--rollout" in pno(0, "predict", "r", "--rollout", "0", code=USAGE))
    check("predict reads" in pno(0, "predict", "r", "-o", os.path.abspath("d.h5"), code=USAGE))
    series("s.h5", 6)
    train(1, "st", "s.h5", *LINE, "train.steps=1", "data.mode=space_time", "model.modes=4,4")
    check("gives all its times" in pno(0, "predict", "st", "--rollout", "3", code=USAGE))
    train(1, "held", "s.h5", *LINE, "train.steps=1", "data.frames_in=2", "data.valid_samples=3")
    for words in ((), ("--rollout", "3")):
        text = pno(0, "predict", "held", "data.valid_samples=1000", *words, code=USAGE)
        check("data.valid_samples is 1000" in text, text)
    check("held out as a whole" in pno(0, "predict", "held", "--rollout", "3", code=USAGE))


if __name__ == "__main__":
    main(parameters_are_inputs, a_parameter_that_is_one_number_divides_by_nothing,
         names_that_are_not_there_are_answered_with_those_that_are, files_open_elsewhere, files_beside_can_be_left_out,
         info_says_what_a_file_holds, a_file_opens_however_few_frames_it_has, rollouts_feed_on_themselves,
         every_draw_rolls_out_on_its_own, what_cannot_roll_out_is_refused)
