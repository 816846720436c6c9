"""Whether files follow The Well's layout: well_check.py FILE... prints what is wrong and ends with 1 if anything is.

Written from the description of the layout (attributes, groups, shapes), not from anybody's code:

  /                     @dataset_name @grid_type @n_spatial_dims @n_trajectories @simulation_parameters, one @ each
  /dimensions           @spatial_dims; time {sample_varying}; x, y, z {sample_varying, time_varying}
  /boundary_conditions  groups {associated_dims, associated_fields, bc_type, sample_varying, time_varying}; mask, values
  /scalars              @field_names; NAME {sample_varying, time_varying}
  /t0_fields /t1_fields /t2_fields   @field_names; NAME float32 (trajectory, time, x, y, z, component, component)
                        {dim_varying, sample_varying, time_varying}; of order 2 also {symmetric, antisymmetric}

An axis is absent where its flag is false; one of dim_varying = false may also have one point. Booleans are h5py's: the
enumeration {FALSE, TRUE} of one byte. Further groups and attributes are allowed.
"""
import sys

import h5py
import numpy as np

GRIDS = ("cartesian", "spherical")
BOUNDARIES = ("PERIODIC", "WALL", "OPEN")


class Check:
    """One file; complaints gather in .found."""

    def __init__(self, file):
        self.file, self.found = file, []
        self.n_spatial = self.n_traj = None
        self.extent = {}  # of time and of the spatial dimensions
        self.spatial, self.fields = [], set()

    def want(self, condition, *words):
        if not condition:
            self.found.append(" ".join(str(w) for w in words))
        return bool(condition)

    # ---- attributes ----

    def attr(self, node, name):
        if self.want(name in node.attrs, f"{node.name}: attribute {name} is absent"):
            return node.attrs[name]
        return None

    def flag(self, node, name):
        value = self.attr(node, name)
        if value is None:
            return False
        self.want(isinstance(value, np.bool_), f"{node.name}: {name} is {value!r} and no Boolean")
        return bool(value)

    def count(self, name, least, most):
        value = self.attr(self.file, name)
        if value is None or not self.want(isinstance(value, np.integer), f"{name} is {value!r} and no integer"):
            return None
        self.want(least <= value <= most, f"{name} is {value}")
        return int(value)

    def text(self, node, name, among=None):
        value = self.attr(node, name)
        if value is None or not self.want(isinstance(value, str), f"{node.name}: {name} is {value!r} and no text"):
            return None
        self.want(value and (among is None or value in among), f"{node.name}: {name} is {value!r}")
        return value

    def names(self, node, name):
        value = self.attr(node, name)
        if value is None:
            return []
        ok = isinstance(value, np.ndarray) and value.ndim == 1 and all(isinstance(v, str) for v in value)
        if not self.want(ok, f"{node.name}: {name} is {value!r} and no list of texts"):
            return []
        self.want(len(set(value)) == len(value), f"{node.name}: {name} names something twice")
        return list(value)

    def group(self, name):
        ok = isinstance(self.file.get(name), h5py.Group)
        return self.file[name] if self.want(ok, f"group {name} is absent") else None

    # ---- parts ----

    def root(self):
        self.n_spatial = self.count("n_spatial_dims", 1, 3)
        self.n_traj = self.count("n_trajectories", 1, 1 << 62)
        self.text(self.file, "dataset_name")
        self.text(self.file, "grid_type", GRIDS)
        for name in self.names(self.file, "simulation_parameters"):
            value = self.attr(self.file, name)
            self.want(value is None or isinstance(value, np.floating), f"parameter {name} is {value!r} and no number")

    def axis(self, group, name, is_time):
        node = group.get(name)
        if not self.want(isinstance(node, h5py.Dataset), f"/dimensions/{name} is absent"):
            return
        sample = self.flag(node, "sample_varying")
        time = not is_time and self.flag(node, "time_varying")
        self.want(not time, f"/dimensions/{name}: time_varying grids are not supported")
        self.want(node.dtype.kind == "f", f"/dimensions/{name} is of type {node.dtype}")
        if not self.want(node.ndim == 1 + sample, f"/dimensions/{name} has shape {node.shape}"):
            return
        self.want(not sample or node.shape[0] == self.n_traj, f"/dimensions/{name} has shape {node.shape}")
        self.extent[name] = node.shape[-1]
        steps = np.diff(node[()], axis=-1)
        self.want((steps > 0).all(), f"/dimensions/{name} does not increase")
        if not is_time and steps.size:
            self.want(np.ptp(steps) <= 1e-5 * abs(steps).max(), f"/dimensions/{name} is no uniform grid")

    def dimensions(self):
        group = self.group("dimensions")
        if group is None:
            return
        self.spatial = self.names(group, "spatial_dims")
        self.want(len(self.spatial) == self.n_spatial, f"{len(self.spatial)} spatial_dims, n_spatial_dims {self.n_spatial}")
        self.axis(group, "time", True)
        for name in self.spatial:
            self.axis(group, name, False)

    def leading(self, node):
        """The axes that the two flags promise."""
        sample, time = self.flag(node, "sample_varying"), self.flag(node, "time_varying")
        return ([self.n_traj] if sample else []) + ([self.extent.get("time")] if time else [])

    def listed(self, group):
        """Data sets named by field_names; all there are."""
        names = self.names(group, "field_names")
        for name in set(names) ^ set(group):
            self.want(False, f"{group.name}/{name} is {'listed and absent' if name in names else 'not listed'}")
        return [group[n] for n in names if isinstance(group.get(n), h5py.Dataset)]

    def field(self, node, order):
        where = node.name
        self.fields.add(where.split("/")[-1])
        self.want(node.dtype == np.float32, f"{where} is of type {node.dtype}")
        shape = self.leading(node)
        varying = self.attr(node, "dim_varying")
        if varying is None:
            return
        ok = isinstance(varying, np.ndarray) and varying.dtype == bool and varying.shape == (len(self.spatial),)
        if not self.want(ok, f"{where}: dim_varying is {varying!r}, not a Boolean for each of {self.spatial}"):
            return
        grid = [self.extent.get(d) if v else 1 for d, v in zip(self.spatial, varying)]
        fixed = [self.n_spatial] * order
        short = [n for n, v in zip(grid, varying) if v]
        self.want(node.shape in (tuple(shape + grid + fixed), tuple(shape + short + fixed)),
                  f"{where} has shape {node.shape}, not {tuple(shape + grid + fixed)}")
        self.want(node.size > 0 and np.isfinite(node[()]).all(), f"{where} is empty or not finite")
        if order == 2:
            both = self.flag(node, "symmetric"), self.flag(node, "antisymmetric")
            self.want(both != (True, True), f"{where} is symmetric and antisymmetric")

    def all_fields(self):
        for order in range(3):
            group = self.group(f"t{order}_fields")
            for node in self.listed(group) if group is not None else []:
                self.field(node, order)
        self.want(self.fields, "there is no field")

    def scalars(self):
        group = self.group("scalars")
        for node in self.listed(group) if group is not None else []:
            self.want(node.dtype.kind == "f", f"{node.name} is of type {node.dtype}")
            shape = tuple(self.leading(node))
            self.want(node.shape == shape, f"{node.name} has shape {node.shape}, not {shape}")

    def boundary(self, group, covered):
        where = group.name
        dims = self.names(group, "associated_dims")
        self.want(dims and set(dims) <= set(self.spatial), f"{where}: associated_dims are {dims} of {self.spatial}")
        covered |= set(dims)
        for name in self.names(group, "associated_fields"):
            self.want(name in self.fields, f"{where}: associated_fields names {name}, which is no field")
        self.text(group, "bc_type", BOUNDARIES)
        shape = tuple(self.leading(group) + [self.extent.get(d) for d in dims])
        mask, values = group.get("mask"), group.get("values")
        if self.want(isinstance(mask, h5py.Dataset), f"{where}/mask is absent"):
            self.want(mask.dtype == bool, f"{where}/mask is of type {mask.dtype}")
            self.want(mask.shape == shape, f"{where}/mask has shape {mask.shape}, not {shape}")
            self.want(mask[()].any(), f"{where}/mask is true nowhere")
        if self.want(isinstance(values, h5py.Dataset), f"{where}/values is absent"):
            self.want(values.dtype.kind == "f", f"{where}/values is of type {values.dtype}")
            if isinstance(mask, h5py.Dataset):
                points = int(mask[()].sum())
                self.want(values.shape == (points,), f"{where}/values has shape {values.shape}, the mask {points} points")

    def boundaries(self):
        group, covered = self.group("boundary_conditions"), set()
        for name in group if group is not None else []:
            if self.want(isinstance(group[name], h5py.Group), f"/boundary_conditions/{name} is no group"):
                self.boundary(group[name], covered)
        self.want(covered == set(self.spatial), f"boundary conditions of {sorted(covered)}, dimensions {self.spatial}")

    def run(self):
        for part in self.root, self.dimensions, self.all_fields, self.scalars, self.boundaries:
            part()
        return self.found


def complaints(path):
    """What is wrong with the file, as texts; nothing if it follows the layout."""
    with h5py.File(path, "r") as file:
        return Check(file).run()


def mutations():
    """(what is done to a good file, a word of the complaint that must follow)."""
    def attr(where, name, value=None):
        def change(f):
            del f[where].attrs[name]
            if value is not None:
                f[where].attrs[name] = value
        return change

    def replace(where, make):
        def change(f):
            value, attrs = make(f[where][()]), dict(f[where].attrs)
            del f[where]
            node = f.create_dataset(where, data=value)
            for key, one in attrs.items():
                if key in ("sample_varying", "time_varying", "dim_varying"):
                    node.attrs[key] = one
        return change

    def remove(where):
        return lambda f: f.__delitem__(where)

    def first(f, group):
        return f"{group}/{sorted(f[group])[0]}"

    def at_first(group, make):
        return lambda f: make(first(f, group))(f)

    yield attr("/", "n_trajectories"), "n_trajectories is absent"
    yield attr("/", "n_trajectories", 2.5), "no integer"
    yield attr("/", "n_spatial_dims", np.int64(4)), "n_spatial_dims is 4"
    yield attr("/", "grid_type", "round"), "grid_type"
    yield attr("/", "dataset_name"), "dataset_name is absent"
    yield attr("/", "simulation_parameters", ["unheard_of"]), "unheard_of is absent"
    yield attr("/dimensions", "spatial_dims", ["x", "q"]), "/dimensions/q is absent"
    yield attr("/dimensions/x", "time_varying", True), "not supported"
    yield attr("/dimensions/time", "sample_varying", 0), "no Boolean"
    yield replace("/dimensions/x", lambda v: v[::-1]), "does not increase"
    yield replace("/dimensions/x", lambda v: v ** 3), "no uniform grid"
    yield replace("/dimensions/time", lambda v: np.append(v, v[-1] + 1)), "has shape"
    yield remove("/t2_fields"), "group t2_fields is absent"
    yield attr("/t0_fields", "field_names", ["other"]), "listed and absent"
    yield at_first("/t0_fields", lambda p: attr(p, "dim_varying", True)), "dim_varying"
    yield at_first("/t0_fields", lambda p: attr(p, "sample_varying", False)), "has shape"
    yield at_first("/t0_fields", lambda p: attr(p, "time_varying")), "time_varying is absent"
    yield at_first("/t0_fields", lambda p: replace(p, lambda v: v.astype("f8"))), "float64"
    yield at_first("/t0_fields", lambda p: replace(p, lambda v: v.swapaxes(-1, -2))), "has shape"
    yield at_first("/t0_fields", lambda p: replace(p, lambda v: v * np.float32("nan"))), "not finite"
    yield at_first("/scalars", lambda p: replace(p, lambda v: np.atleast_1d(v)[None])), "has shape"
    yield at_first("/boundary_conditions", lambda p: attr(p, "bc_type", "LEAKY")), "LEAKY"
    yield at_first("/boundary_conditions", lambda p: attr(p, "associated_dims", ["z"])), "associated_dims"
    yield at_first("/boundary_conditions", lambda p: attr(p, "associated_fields", ["w"])), "no field"
    yield at_first("/boundary_conditions", lambda p: remove(p + "/mask")), "mask is absent"
    yield at_first("/boundary_conditions", lambda p: replace(p + "/mask", lambda v: v.astype("i1"))), "mask is of type"
    yield at_first("/boundary_conditions", lambda p: replace(p + "/values", lambda v: np.append(v, v))), "values has shape"
    yield at_first("/boundary_conditions", remove), "boundary conditions of"


if __name__ == "__main__":
    wrong = 0
    for name in sys.argv[1:]:
        for line in complaints(name):
            wrong = 1
            print(f"{name}: {line}")
    sys.exit(wrong)
