"""Data of all equations: the same on any number of ranks, what was asked for, and no sample in two files."""
import os
import re

import h5py
import numpy as np
import yaml

from whole import check, main, pno

BURGERS = ("pde.kind=burgers", "pde.grid=32", "pde.samples=6", "pde.frames=3", "pde.parameters=nu=uniform:.1:.2")


def equations():
    text = pno(0, "gen", "data.path=none.h5", "pde.kind=?", code=2)
    return re.search(r"there are: (.*)", text).group(1).split(", ")


def small(equation):
    """Words that make a few small samples of it, as far as the program itself tells what it takes."""
    times = ("pde.frames=3", "pde.time=0.02")
    for grid in ("24", "24,24", "128"):
        for words in ((f"pde.grid={grid}", *times), (f"pde.grid={grid}",)):
            words = (f"pde.kind={equation}", "pde.samples=5", *words)
            text = pno(0, "gen", "data.path=try.h5", *words, "--dry-run", code=None)
            if "would   write" in text:
                return words
    raise AssertionError(f"{equation} takes neither a line nor a plane\n{text}")


def content_does_not_depend_on_the_ranks():
    known = equations()
    check(len(known) >= 11, "only", known)
    for equation in known:
        words = small(equation)
        digests = {re.search(r"content (\S+)", pno(n, "gen", f"data.path={equation}-{n}.h5", *words)).group(1)
                   for n in (1, 2, 3, 4)}
        check(len(digests) == 1, equation, "has the contents", digests)
        with h5py.File(f"{equation}-3.h5") as file:
            for order in ("t0_fields", "t1_fields"):
                for name, field in file[order].items():
                    check(np.isfinite(field[()]).all() and field.shape[0] == 5, equation, name, field.shape)


def a_forecast_writes_nothing_and_a_file_holds_what_was_drawn():
    text = pno(2, "gen", "data.path=b.h5", *BURGERS, "--dry-run")
    check("would   write" in text and os.listdir() == [], text, os.listdir())
    check("6 made" in pno(2, "gen", "data.path=b.h5", *BURGERS), "not all made")
    with h5py.File("b.h5") as file:
        nu = file["scalars/nu"][:]
        check(file["t0_fields/u"].shape == (6, 3, 32), file["t0_fields/u"].shape)
        made = yaml.safe_load(file.attrs["config"])
        check(made["pde"]["refine"] == 0 and made["resolved"]["refine"] >= 1 and made["resolved"]["time"] == 1
              and "nu=uniform:.1:.2" in made["resolved"]["parameters"], made)
        check(np.allclose(file["time"][:], [0, .5, 1]) and np.allclose(file["x"][:], np.arange(32) / 32), "other points")
    check(((nu >= .1) & (nu <= .2)).all() and len(set(nu)) == 6, nu)


def names_that_give_no_files_are_refused_before_samples_are_made():
    def refused(path, *words, ranks=0):
        text = pno(ranks, "gen", f"data.path={path}", *BURGERS, code=2)
        check(all(word in text for word in words), path, text)

    os.mkdir("d")
    with open("a.h5", "w", encoding="utf-8") as file:
        file.write("mine")
    refused("a.h5", "a.h5: exists already", ranks=2)
    for path in ("d", "d/", "e/"):
        refused(path, path + " is a folder")
    refused(250 * "n", "a file name of 250 bytes")
    check(sorted(os.listdir()) == ["a.h5", "d"], os.listdir())


def files_beside_one_file_are_not_those_of_another():
    paths = "nu0.1", "nu0.2", "b.xdmf", "b.stats.yaml", "c.h5", "c.hdf5"
    for path in paths:
        pno(0, "gen", f"data.path={path}", *BURGERS)
    for path in paths:
        with h5py.File(path) as file, open(path + ".xdmf", encoding="utf-8") as text:
            check(len(file["trajectory"]) == 6 and f">{path}:/" in text.read(), path)
    os.remove("c.h5")
    pno(0, "gen", "data.path=c.h5", *BURGERS)


def splits_share_no_sample():
    seeds, drawn = [], []
    for split in ("train", "valid", "test"):
        pno(1, "gen", f"data.path={split}.h5", f"pde.split={split}", *BURGERS)
        with h5py.File(f"{split}.h5") as file:
            seeds += list(file["provenance/sample_seed"][:])
            drawn += list(file["scalars/nu"][:])
    check(len(set(seeds)) == len(set(drawn)) == 18, seeds, drawn)


if __name__ == "__main__":
    main(content_does_not_depend_on_the_ranks, a_forecast_writes_nothing_and_a_file_holds_what_was_drawn,
         names_that_give_no_files_are_refused_before_samples_are_made, files_beside_one_file_are_not_those_of_another,
         splits_share_no_sample)
