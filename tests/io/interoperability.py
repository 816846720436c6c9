"""Files of pno in h5py, xarray, netCDF4 and ncdump, and files of h5py in pno. Data sets: interoperability_data.py.

interoperability.py TOPIC EXCHANGE SOURCE_ROOT; the topics are the functions at the end.
"""
import os
import sys
import xml.etree.ElementTree

from elsewhere import (SKIP, SOURCE_ROOT, check, check_xarray, equal, exchange, h5py, main, must, ncdump, np, read, refused,
                       xarray)


def fields(folder):
    path = os.path.join(folder, "fields.h5")
    must("fields", path)
    grid = ("x", "y")
    check_xarray(path, None, ["input", "prediction", "rel_l2"],
                 [("sample", "channel_in") + grid, ("sample", "channel") + grid, ("sample",)])
    with xarray.open_dataset(path, engine="netcdf4") as ds:
        k = np.arange(70, dtype=np.float32).reshape(2, 5, 7) / 64
        equal(ds["input"].sel(sample=15).values, 200 + k, "input")
        equal(ds["prediction"].sel(sample=8).values, 1100 + k[:1], "prediction")
        equal(ds["rel_l2"].values, [0, 0.5, 1], "rel_l2")
        equal(ds["x"].values, np.linspace(0, 1, 5), "x")
        check(ds.attrs["generator"] == "pno test" and ds.attrs["format"] == "pno-fields", ds.attrs)
    check("float input(sample, channel_in, x, y)" in ncdump(path))


def members(folder):
    path = os.path.join(folder, "members.h5")
    must("members", path)
    check_xarray(path, None, ["draws"], [("sample", "member", "channel", "x")])
    with xarray.open_dataset(path, engine="h5netcdf") as ds:
        draws = ds["draws"]
        equal(draws.sel(sample=1, member=2).values, 2100 + np.arange(8, dtype="f4").reshape(2, 4) / 64, "draws")
        check(draws.attrs == {"long_name": "members", "units": "K", "level": 0.9}, draws.attrs)
    check("float draws(sample, member, channel, x)" in ncdump(path))


def scores(folder):
    path = os.path.join(folder, "eval.h5")
    must("scores", path)
    check_xarray(path, None, ["crps", "coverage", "width", "pit"], [(), ("level",), ("channel", "level"), ("bin",)])
    with xarray.open_dataset(path, engine="netcdf4") as ds:
        check(float(ds["crps"]) == 0.125 and ds["crps"].attrs == {"long_name": "CRPS, fair", "units": "K"}, ds["crps"])
        check(float(ds["coverage"].sel(level=0.95)) == 0.9, ds["coverage"])
        equal(ds["width"].values, np.arange(1.0, 7).reshape(2, 3), "width")
        equal(ds["bin"].values, np.arange(4), "bin")
        check(ds["level"].attrs["long_name"] == "nominal level" and ds["level"].attrs["units"] == "1", ds["level"])
        check(ds.attrs["generator"] == "pno test" and ds.attrs["format"] == "pno-scores", ds.attrs)
    header = ncdump(path)
    for words in "double crps ;", "double width(channel, level)", "double level(level)", 'Conventions = "CF-1.8"':
        check(words in header, f"ncdump -h does not say '{words}':", header)


def reliability(folder):
    """Points where they belong, and nothing that a name says can break the picture."""
    path, space = os.path.join(folder, "reliability.svg"), "{http://www.w3.org/2000/svg}"
    must("reliability", path)
    root = xml.etree.ElementTree.parse(path).getroot()
    check(root.tag == space + "svg" and root.find(space + "title").text == "</title><script>&amp;", root)
    check(not list(root.iter(space + "script")), "a title became an element")

    def of_class(name):
        return [e for e in root.iter() if e.get("class") == name]

    wanted = [(0.5, 0.4), (0.8, 0.75), (0.95, 0.9)], [(0.5, 0.5), (0.8, 0.81), (0.95, 0.94)]
    for curve, points in zip(of_class("curve"), wanted):
        circles = [(float(c.get("cx")), float(c.get("cy"))) for c in curve.iter(space + "circle")]
        line = [tuple(map(float, p.split(","))) for p in curve.find(space + "polyline").get("points").split()]
        check(circles == line, circles, line)
        check(circles == [(round(60 + 320 * x, 2), round(64 + 320 * (1 - y), 2)) for x, y in points], circles)
    check([len(of_class(c)) for c in ("curve", "histogram", "ideal")] == [2, 2, 2])
    for histogram, density in zip(of_class("histogram"), ([1.5, 0.5, 0.5, 1.5], [1, 1.25, 1, 0.75])):
        heights = [float(b.get("height")) for b in histogram]
        check(np.allclose(heights, 320 * np.array(density) / 1.5, atol=0.01), heights)
    legend = [e.text for e in of_class("legend") if e.text]
    check(legend == ["raw & <unsure>", 'recalibrated "\u00e4??'], legend)


def metrics(folder):
    must("metrics", folder)
    path = os.path.join(folder, "metrics.h5")
    with h5py.File(path, "r") as f:
        check(f["train/step"].dtype == "<i8" and f["train/loss"].dtype == "<f8")
        equal(f["train/step"][()], [1, 2, 3], "step")
        equal(f["train/loss"][()], [1, 1 / 2, 1 / 3], "loss")
        check(np.isnan(f["train/lr"][()]).all())
        equal(f["valid/rel_l2"][()], [2, 2 / 3], "rel_l2")
        equal(f["perf/section"][()], [b"forward"], "section")
    check_xarray(path, "valid", ["rel_l2"], [("step",)])
    with xarray.open_dataset(path, group="train", engine="netcdf4") as ds:
        check(float(ds["loss"].sel(step=2)) == 0.5, ds)
    header = ncdump(path)
    check("double loss(step)" in header and "double seconds(section)" in header, header)


def checkpoint(folder):
    must("checkpoint", os.path.join(folder, "checkpoints"))
    path = os.path.join(folder, "checkpoints", "step-00000001", "shard-00000-of-00001.h5")
    with h5py.File(path, "r") as f:
        weight = f["model/fno_blocks.convs.0.weight.tensor"]
        check(weight.dtype == np.complex64 and weight.shape == (3, 5, 4, 3), weight)
        check(f["model/lifting.fcs.0.weight"].shape == (5, 3, 1))
        check(f["rng"].attrs["key"] == 0xfedcba9876543211 and f["loader"].attrs["cursor"] == -1)
        equal(weight.attrs["global_shape"], weight.shape, "global_shape")


def plain(folder):
    """x and y of many kinds, with and without a channel axis, as any script writes them."""
    rng = np.random.default_rng(1)
    made = 0
    for dtype in "<f4", "<f8", ">f8", "u1", "?", "<i4":
        for channels, grid in (0, (8,)), (0, (6, 5)), (3, (6, 5)), (1, (6, 5)), (2, (4, 3, 5)):
            path = os.path.join(folder, f"plain{made}.h5")
            made += 1
            shape = (4, *([channels] if channels else []), *grid)
            x = rng.integers(0, 2 if dtype == "?" else 100, shape).astype(dtype)
            y = rng.standard_normal(shape).astype(dtype if "f" in dtype else "<f4")
            with h5py.File(path, "w") as f:
                f.create_dataset("x", data=x, chunks=True, compression="gzip", shuffle=True, fletcher32=True)
                f["y"] = y
            kind, have_x, have_y = read(path)
            check(kind == "x/y", kind)
            for have, want in (have_x, x), (have_y, y):
                want = want.astype("<f4")
                equal(have, np.moveaxis(want, 1, -1) if channels else want[..., None], dtype, channels, grid)


def hostile(folder):
    good = os.path.join(folder, "good.h5")
    with h5py.File(good, "w") as f:
        f["x"] = f["y"] = np.zeros((3, 8), "f4")
    secret = os.path.join(folder, "secret")
    with open(secret, "wb") as f:
        f.write(b"planted-secret" * 100)

    def make(name, fill):
        path = os.path.join(folder, name)
        with h5py.File(path, "w") as f:
            f["y"] = np.zeros((3, 8), "f4")
            fill(f)
        return path

    def virtual(f):
        layout = h5py.VirtualLayout((3, 8), "f4")
        layout[:] = h5py.VirtualSource(good, "x", (3, 8))
        f.create_virtual_dataset("x", layout)

    refused(make("elink.h5", lambda f: f.__setitem__("x", h5py.ExternalLink(good, "x"))), "x", "link of kind")
    refused(make("soft.h5", lambda f: f.__setitem__("x", h5py.SoftLink("/y"))), "x", "link of kind")
    refused(make("storage.h5", lambda f: f.create_dataset("x", (3, 8), "f4", external=[(secret, 0, 96)])), "x",
            "external storage")
    refused(make("virtual.h5", virtual), "x", "virtual data set")
    refused(make("huge.h5", lambda f: f.create_dataset("x", (1 << 32, 256), "f4", chunks=(1, 256))), "x", "declares")
    refused(make("lzf.h5", lambda f: f.create_dataset("x", data=np.zeros((3, 8), "f4"), compression="lzf")), "filter")
    refused(make("text.h5", lambda f: f.__setitem__("x", ["a", "b", "c"])), "x")
    refused(secret, "not")
    check(exchange("read", good, good + ".raw")[0] == 0, "the honest file is refused too")


def shared_data(folder):
    """The data set everybody uses, where the checkout has it."""
    where = os.environ.get("PNO_TEST_DATA") or os.path.join(SOURCE_ROOT, "..", "shared", "data")
    path = os.path.join(where, "darcy_train_16.h5")
    if not os.path.exists(path):
        print("no darcy_train_16.h5: set PNO_TEST_DATA to the folder that has it")
        sys.exit(SKIP)
    copy = os.path.join(folder, "darcy.h5")
    os.symlink(os.path.abspath(path), copy)  # the raw copy of the samples lands beside it
    _, have_x, have_y = read(copy)
    with h5py.File(path, "r") as f:
        equal(have_x[..., 0], f["x"][()].astype("<f4"), "x")
        equal(have_y[..., 0], f["y"][()].astype("<f4"), "y")


if __name__ == "__main__":
    main(fields, members, scores, reliability, metrics, checkpoint, plain, hostile, shared_data)
