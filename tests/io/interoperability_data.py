"""Data sets of pno in h5py, xarray, netCDF4 and ncdump, in The Well's layout, and the files beside them.

interoperability_data.py TOPIC EXCHANGE SOURCE_ROOT; the topics are the functions at the end.
"""
import os
import shutil
import xml.etree.ElementTree

import well_check
from elsewhere import check, check_xarray, equal, h5py, main, must, ncdump, netCDF4, np, read, trajectory, xarray, yaml


def native(folder):
    path = os.path.join(folder, "steady.h5")
    for which in "native", "packed":
        must(which, path)
        with h5py.File(path, "r") as f:
            check(f.attrs["format"] == b"pno-dataset" and f.attrs["format_version"] == b"1.0", dict(f.attrs))
            check(f.attrs["n_spatial_dims"] == 2 and f.attrs["n_trajectories"] == 6 and f.attrs["complete"] == 1)
            check(f.attrs["seed"] == 42 and f.attrs["beta"] == 2.5 and f.attrs["grid_type"] == "cartesian")
            check(f.attrs["config"] in (b"pde:\n  kind: darcy\n", "pde:\n  kind: darcy\n"), f.attrs["config"])
            check(list(f["t0_fields"].attrs["field_names"]) == ["u", "a"], list(f["t0_fields"].attrs["field_names"]))
            check(len(f["t1_fields"]) == 0 and len(f["t2_fields"]) == 0)
            check(f["dimensions/x"] == f["x"] and f["dimensions/y"] == f["y"], "dimensions are no hard links")
            for name, want in ("x", np.linspace(0, 1, 5)), ("y", np.linspace(-1, 1, 7)):
                check(np.abs(f[name][()] - want).max() < 1e-15, name, f[name][()])
            check(f["x"].attrs["axis"] in ("X", b"X") and f["time"].attrs["axis"] in ("T", b"T"), dict(f["x"].attrs))
            for s in range(6):
                equal(f["t0_fields/u"][s], trajectory(s, 0, (1, 5, 7)), "u of", s)
                equal(f["t0_fields/a"][s], trajectory(s, 35, (1, 5, 7)), "a of", s)
            check(f["t0_fields/u"].fletcher32 and (f["t0_fields/u"].compression == "gzip") == (which == "packed"))
        axes = ("trajectory", "time", "x", "y")
        check_xarray(path, "t0_fields", ["u", "a"], [axes, axes])
        with netCDF4.Dataset(path) as nc:
            check(nc["t0_fields/u"].dimensions == axes, nc["t0_fields/u"].dimensions)
            equal(nc["t0_fields/u"][:].filled(), h5py.File(path, "r")["t0_fields/u"][()], "netCDF4")
        header = ncdump(path)
        for words in "float u(trajectory, time, x, y)", "x = 5", "y = 7", 'Conventions = "CF-1.8"':
            check(words in header, f"ncdump -h does not say '{words}':", header)
        kind, x, y = read(path)
        check(kind == "pno-dataset" and x.shape == (6, 5, 7, 1), kind, x.shape)
        equal(x[3, ..., 0], trajectory(3, 35, (5, 7)), "x")
        equal(y[3, ..., 0], trajectory(3, 0, (5, 7)), "y")
    series(os.path.join(folder, "series.h5"))


def series(path):
    must("series", path)
    scalar, vector = ("trajectory", "time", "x", "y"), None
    with h5py.File(path, "r") as f:
        equal(f["t1_fields/v"][2], trajectory(2, 0, (4, 5, 7, 2)), "v")
        equal(f["t0_fields/nu"][2], trajectory(2, 4 * 70, (5, 7)), "nu")
        equal(f["t0_fields/u"][2], trajectory(2, 4 * 70 + 35, (4, 5, 7)), "u")
        equal(f["time"][()], np.array([0, 0.1, 0.2, 0.4]).astype(f["time"].dtype), "time")
        equal(f["scalars/ra"][()].ravel(), [1e3, 2e3, 3e3], "ra")
        check(f["t0_fields/nu"].attrs["time_varying"] == False)  # noqa: E712, a numpy bool
        vector = tuple(d.keys()[0].split("/")[-1] for d in f["t1_fields/v"].dims)
    check_xarray(path, "t0_fields", ["nu", "u"], [("trajectory", "x", "y"), scalar])
    check_xarray(path, "t1_fields", ["v"], [scalar + vector[-1:]])
    check("float v(trajectory, time, x, y, " in ncdump(path), ncdump(path))


def named(path):
    """A data set as a user of xarray puts it together: fields with the coordinates of the root."""
    with xarray.open_dataset(path, engine="h5netcdf") as root:
        coordinates = root.coords
        parts = [xarray.open_dataset(path, group=g, engine="h5netcdf") for g in ("t0_fields", "t1_fields", "scalars")]
        return xarray.merge([part.assign_coords({d: coordinates[d] for d in part.dims}) for part in parts])


def well(folder):
    """The Well's layout of every kind of file; and the check sees what is wrong."""
    path, bad = os.path.join(folder, "good.h5"), os.path.join(folder, "bad.h5")
    for which in "native", "packed", "series", "line", "box":
        must(which, path)
        check(not well_check.complaints(path), which, well_check.complaints(path))
    must("native", path)
    for change, words in well_check.mutations():
        shutil.copy(path, bad)
        with h5py.File(bad, "r+") as f:
            change(f)
        said = well_check.complaints(bad)
        check(any(words in line for line in said), f"'{words}' is not among", said)


def coordinates(folder):
    """Values by their places and times, in one, two and three dimensions."""
    path = os.path.join(folder, "named.h5")
    must("line", path)
    ds = named(path)
    check(ds.u.dims == ("trajectory", "time", "x") and ds.nu.dims == ("trajectory",), ds)
    check(float(ds.u.sel(trajectory=2, time=0.4, x=0.25)) == float(trajectory(2, 3 * 9 + 2, (1,))[0]), ds.u)
    check(float(ds.nu.sel(trajectory=1)) == 0.2, ds.nu)
    header = ncdump(path)
    for words in "float u(trajectory, time, x)", "double nu(trajectory)", "float values(end)":
        check(words in header, f"ncdump -h does not say '{words}':", header)
    must("box", path)
    ds = named(path)
    axes = ("trajectory", "time", "x", "y", "z")
    check(ds.u.dims == axes and ds.v.dims == axes + ("component",) and ds.nu.dims == axes[:1] + axes[2:], ds)
    equal(ds.z.values, np.linspace(2, 2.75, 4), "z")
    at = ((1 * 5 + 4) * 7 + 3) * 4 + 2
    check(float(ds.v.sel(trajectory=1, time=0.1, x=1, y=0, z=2.5, component=2)) == 1 + (3 * at + 2) / 1024, "v")


def statistics(folder):
    """Attributes of the fields and stats.yaml against numpy."""
    path = os.path.join(folder, "data.h5")
    for which in "native", "series", "line", "box":
        must(which, path)
        must("beside", path)
        with open(path + ".stats.yaml", encoding="utf-8") as text:
            said = yaml.safe_load(text)
        with h5py.File(path, "r") as f:
            nodes = {name: node for group in ("t0_fields", "t1_fields") for name, node in f[group].items()}
            steady = [n for n, node in nodes.items() if not node.attrs["time_varying"] or node.shape[1] == 1]
            for key in "mean", "std", "rms", "mean_delta", "std_delta", "rms_delta":
                want = [n for n in nodes if not (key.endswith("delta") and n in steady)]
                check(sorted(said[key]) == sorted(want), which, key, "is of", said[key])
            for name, node in nodes.items():
                values, axes = node[()].astype("f8"), tuple(range(node.ndim - (node.parent.name == "/t1_fields")))
                same = {"mean": values.mean(axes), "std": values.std(axes), "rms": np.sqrt((values ** 2).mean(axes)),
                        "min": values.min(axes), "max": values.max(axes)}
                if name not in steady:
                    delta = np.diff(values, axis=1)
                    same |= {"mean_delta": delta.mean(axes), "std_delta": delta.std(axes),
                             "rms_delta": np.sqrt((delta ** 2).mean(axes))}
                for key, value in same.items():
                    check(np.allclose(node.attrs[key], value, rtol=1e-12, atol=1e-12), which, name, key, node.attrs[key])
                    check(key in ("min", "max") or np.array_equal(said[key][name], node.attrs[key]), which, key, said)
                check(("mean_delta" in node.attrs) == (name not in steady), name)


def resolve(item, folder):
    """Values of an XDMF DataItem."""
    shape = tuple(map(int, item.get("Dimensions").split()))
    if item.get("ItemType") == "HyperSlab":
        where, what = item
        start, stride, count = np.array(where.text.split(), int).reshape(3, -1)
        whole = resolve(what, folder)
        return whole[tuple(slice(a, a + s * n, s) for a, s, n in zip(start, stride, count))].reshape(shape)
    if item.get("Format") == "HDF":
        name, node = item.text.split(":")
        with h5py.File(os.path.join(folder, name), "r") as f:
            equal(f[node].shape, shape, item.text)
            return f[node][()]
    return np.array(item.text.split(), float).reshape(shape)


def xdmf(folder):
    """Every hyperslab against the file: times, grid and values, on nodes and in cells."""
    path = os.path.join(folder, "a & b.h5")
    for which in "native", "series", "line", "box", "cells":
        must(which, path)
        must("beside", path)
        root = xml.etree.ElementTree.parse(path + ".xdmf").getroot()
        check(root.tag == "Xdmf" and root.get("Version") == "3.0", which, root.attrib)
        with h5py.File(path, "r") as f:
            names = {n: f[g][n] for g in ("t0_fields", "t1_fields") for n in f[g]}
            axes = [f[d][()] for d in f["dimensions"].attrs["spatial_dims"]]
            collections = root.findall("Domain/Grid")
            check(len(collections) == f.attrs["n_trajectories"], which, len(collections), "trajectories")
            for s, collection in enumerate(collections):
                check(collection.get("CollectionType") == "Temporal", collection.attrib)
                times = [float(g.find("Time").get("Value")) for g in collection]
                equal(times, f["time"][()], which, "times")
                for t, grid in enumerate(collection):
                    one_frame(grid, folder, axes, names, s, t, which == "cells")


def one_frame(grid, folder, axes, names, s, t, cells):
    extra = 3 - len(axes)  # lines and planes are boxes of one layer
    shape = list(map(int, grid.find("Topology").get("Dimensions").split()))
    check(shape[:extra] == [1 + cells] * extra, shape)
    shape = shape[extra:]
    check(shape == [len(a) + cells for a in axes], shape)
    origin, width = (resolve(item, folder)[extra:] for item in grid.find("Geometry"))
    for o, w, n, a in zip(origin, width, shape, axes):
        points = o + w * np.arange(n)
        points = (points[1:] + points[:-1]) / 2 if cells else points
        check(np.allclose(points, a, rtol=1e-13, atol=1e-13), points, a)
    seen = {}
    for attribute in grid.findall("Attribute"):
        check(attribute.get("Center") == ("Cell" if cells else "Node"), attribute.attrib)
        seen[attribute.get("Name")] = np.squeeze(resolve(attribute[0], folder))
    for name, node in names.items():
        value = node[s, t] if node.attrs["time_varying"] else node[s]
        vector = node.parent.name == "/t1_fields"
        for k in range(value.shape[-1] if vector else 1):
            want = value[..., k] if vector else value
            equal(seen.pop(name + ("_" + "xyz"[k] if vector else "")), np.squeeze(want), name, s, t)
    check(not seen, "unknown attributes", list(seen))


if __name__ == "__main__":
    main(native, well, coordinates, statistics, xdmf)
