"""What run_gen.py compares: one function a case, which returns rows, targets and errors."""
import os
import re
import statistics
import time

import numpy as np

from gen_turns import Contestant, alternate, best, distance, median, ratio, target

STAGES = 4  # evaluations of the right-hand side in a step of ETDRK4, one in a step of the recipe's scheme
T, DT, LIMIT = 5.0, 1e-4, 1e-4  # of Navier-Stokes: horizon, the recipe's step, relative L2
COARSE = (1e-2, 4e-3, 1e-3)  # steps of the recipe's scheme that take less time: how its error goes down
KS_LENGTH, KS_FINE = 100, 2048
TURNS = {  # of Navier-Stokes: way, steps a turn, samples at once
    "numpy": ("numpy", 20, 1), "numpy, complex transforms": ("numpy-complex", 20, 1), "torch": ("torch", 20, 1),
    "torch, batch of 20": ("torch", 2, 20),
}
DARCY = {"scipy spsolve": "spsolve", "scipy splu, symmetric": "splu", "pyamg classical, CG": "amg-rs",
         "pyamg aggregation, CG": "amg-sa"}
KS = {"py-pde as called": "call", "py-pde, its compiled steps alone": "steps",
      "py-pde, adaptive steps alone": "adaptive"}
RANKS = {
    "darcy": ["pde.kind=darcy", "pde.grid=128,128", "pde.samples=2400"],
    "navier_stokes": ["pde.kind=navier_stokes", "pde.grid=64,64", "pde.samples=96", "pde.time=5", "pde.frames=6"],
}


def flow(case):
    """pno's solution to 1e-4, and the one with steps of a quarter of its mean length; the state is in w.npy."""
    told, own = case.solution("own.npy", case.pno("ns_accuracy", "--state", case.path("w.npy")))
    quarter = repr(T / told["steps"] / 4)
    return told, own, case.solution("fine.npy", case.pno("ns_accuracy", "--tolerance", ".5", "--step", quarter))[1]


def by_recipe(case, way, dt, fine):
    """The recipe's scheme: its error at the horizon and the seconds it took there, each under the name of both."""
    done, w = case.solution("cn.npy", case.peer("gen_navier_stokes.py", "--way", way, "--state", case.path("w.npy"),
                                                "--dt", repr(dt), "--until", repr(T)))
    return {f"{way}, dt {dt:g}": distance(w, fine)}, {f"{way}, dt {dt:g}": 1e-3 * done["ms"]}


def all_steps(way):
    """A case: all the recipe's steps, once (minutes)."""
    def case_of(case):
        errors, seconds = by_recipe(case, way, DT, flow(case)[2])
        return {"results": [], "targets": [], "errors": errors, "seconds_measured": seconds}
    return case_of


def navier_stokes(case):
    state = case.path("w.npy")
    told, own, fine = flow(case)
    tight_told, tight = case.solution("tight.npy", case.pno("ns_accuracy", "--tolerance", "1e-6"))
    theirs, seconds = {}, {}
    for dt in COARSE:
        found = by_recipe(case, "numpy", dt, fine)
        theirs.update(found[0])
        seconds.update(found[1])
    errors = {"pno to 1e-4": distance(own, fine), "pno, tolerance 1e-6": distance(tight, fine), **theirs}
    units = STAGES * case.once(case.pno("ns_step"))["steps"]
    evaluation = Contestant("pno, an evaluation", case.pno("ns_step", "--serve"), units)
    accurate = Contestant("pno to 1e-4", case.pno("ns_accuracy", "--serve"))
    recipe = Contestant("pno, tolerance 1e-6", case.pno("ns_accuracy", "--tolerance", "1e-6", "--serve"))
    peers = [Contestant(name, case.peer("gen_navier_stokes.py", "--way", way, "--state", state, "--steps", str(n),
                                        "--batch", str(batch)), n * batch) for name, (way, n, batch) in TURNS.items()]
    group = [evaluation, accurate, recipe, *peers]
    burst = alternate(group, case.options)
    count, fastest = round(T / DT), (best(peers[:2]), best(peers[2:]))
    wanted = [target(f"a step of 256^2, which is one evaluation: {fastest[0].name}", median(evaluation),
                     median(fastest[0]), ratio(fastest[0], evaluation), 2)]
    wanted += [target(f"T = 5 to 1e-4: {c.name}, its ms a step x {count:,}", median(accurate), median(c, count),
                      ratio(c, accurate, count), 10, (errors["pno to 1e-4"], LIMIT)) for c in fastest]
    kinds = ("step_", "evaluation_", "transforms_")
    shares = {k: v for k, v in case.measured("ns_step")[0].items() if k.startswith(kinds)}
    return {"burst": burst, "results": [c.record() for c in group], "targets": wanted, "errors": errors,
            "seconds_measured": seconds, "transforms": shares,
            "steps": {"pno to 1e-4": told["steps"], "pno, tolerance 1e-6": tight_told["steps"]}}


def kuramoto(case):
    state, wide, length = case.path("u.npy"), case.path("u-fine.npy"), ("--length", str(KS_LENGTH))
    told, own = case.solution("own.npy", case.pno("ks", "--state", state))
    _, loose = case.solution("loose.npy", case.pno("ks", "--tolerance", "1e-4"))
    _, fine = case.solution("fine.npy", case.pno("ks", "--n", str(KS_FINE), "--tolerance", "1e-10", "--state", wide))
    _, limit = case.solution("theirs.npy", case.peer("gen_ks.py", "--way", "reference", "--state", wide, *length))
    pno = [Contestant("pno, the recipe's tolerance 1e-6", case.pno("ks", "--serve")),
           Contestant("pno, tolerance 1e-4", case.pno("ks", "--tolerance", "1e-4", "--serve"))]
    peers = [Contestant(name, case.peer("gen_ks.py", "--way", way, "--state", state, *length, "--result",
                                        case.path(way + ".npy"))) for name, way in KS.items()]
    burst = alternate([*pno, *peers], case.options)
    errors = {pno[0].name: distance(own, fine), pno[1].name: distance(loose, fine)}
    for c in peers:
        theirs = np.load(case.path(KS[c.name] + ".npy")) if not c.error else np.full_like(own, np.nan)
        errors[c.name] = distance(theirs, fine)
        errors[c.name + ", against its differences at 2,048 points"] = distance(theirs, limit)
    errors["pno against those"], errors["the two at 2,048 points"] = distance(own, limit), distance(limit, fine)
    wanted = [target(f"KS, 256 points, t = 10: {peer.name} ({own.name})", median(own), median(peer), ratio(peer, own),
                     50, (errors[own.name], errors[peer.name])) for own, peer in zip(pno, peers)]
    return {"burst": burst, "results": [c.record() for c in (*pno, *peers)], "targets": wanted, "errors": errors,
            "steps": {"pno": told["steps"]}}


def darcy(case):
    state = case.path("a.npy")
    told, own = case.solution("own.npy", case.pno("darcy", "--state", state))
    pno = Contestant("pno", case.pno("darcy", "--serve"))
    peers = [Contestant(name, case.peer("gen_darcy.py", "--way", way, "--state", state, "--result",
                                        case.path(way + ".npy"))) for name, way in DARCY.items()]
    burst = alternate([pno, *peers], case.options)
    errors = {f"pno against {c.name}": distance(own, np.load(case.path(DARCY[c.name] + ".npy")))
              for c in peers if not c.error}
    wanted = [target(f"Darcy 421^2 to a residual of 1e-10: {c.name}", median(pno), median(c), ratio(c, pno), least)
              for c, least in ((peers[0], 10), (best(peers[2:]), 4))]
    return {"burst": burst, "results": [c.record() for c in (pno, *peers)], "targets": wanted, "errors": errors,
            "residual": told["worst"], "steps": {"pno": told["steps"]}}


def recipes(case):
    """All equations at the sizes of their recipes; nobody beside."""
    return {"results": case.measured("recipes"), "targets": []}


def generate(case, ranks, name, keys):
    """Seconds of the whole command, and what it says its samples took."""
    path = case.path(f"{name}.h5")
    program = os.path.join(case.options.build, "launch", "pno")
    start = time.perf_counter()
    text = case.execute(["mpirun", "-n", str(ranks), "--bind-to", "core", program, "gen", f"data.path={path}", *keys])
    wall = time.perf_counter() - start
    os.remove(path)
    return wall, float(re.search(r"without a solution, ([\d.]+) s", text)[1])


def ranks(case):
    """`pno gen` on one rank and on two, in turns."""
    found, wanted = [], []
    for name, keys in RANKS.items():
        times = {n: [] for n in (1, 2)}
        for _ in range(case.options.rank_repeats):
            for n, taken in times.items():
                taken.append(generate(case, n, name, keys))
        one, two = ([wall for wall, _ in times[n]] for n in (1, 2))
        quotient = statistics.median(a / b for a, b in zip(one, two))
        found.append({"equation": name, "keys": keys, "seconds of the command and of gen": times})
        wanted.append(target(f"mpirun -n 2 pno gen, {name}: one rank", 1e3 * statistics.median(two),
                             1e3 * statistics.median(one), quotient, 1.8))
    return {"results": found, "targets": wanted}


CASES = {"ns": navier_stokes, "ks": kuramoto, "darcy": darcy, "recipes": recipes, "ranks": ranks}
LONG = {"ns_long_numpy": all_steps("numpy"), "ns_long_torch": all_steps("torch")}
