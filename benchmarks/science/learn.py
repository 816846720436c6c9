"""What can be learned from the data of `pno gen`? Makes the data of each configuration in examples/, trains it, states the
relative L2 error on test samples; four of them also in PyTorch, on the same files. README.md says how long it takes.

    learn.py [--only burgers,wave] [--torch-only | --no-torch] [--jobs 2] [--results FILE]

Adds one line of JSON a run to FILE and writes the table of all of them beside it, .md; runs that are in it are not
repeated."""
import argparse
import glob
import json
import os
import re
import shutil
import sys
import time

import programs
from darcy import each_on_a_core, execute, rows_of, say

# Samples of the test file, steps of a rollout, and what torch_learn.py or torch_pno.py is told: the numbers of the example.
TASKS = {
    "advection": {"test": 200},
    "burgers": {"test": 200, "torch": {"epochs": 50, "width": 64, "modes": 16}},
    "compressible": {"test": 100},
    "darcy2d": {"test": 128},
    "diffusion_reaction": {"test": 20, "rollout": 41},
    "diffusion_sorption": {"test": 20, "rollout": 41},
    "heat": {"test": 100},
    "kuramoto_sivashinsky": {"test": 50, "valid": 30,
                             "torch": {"epochs": 20, "width": 20, "modes": "10,12", "hidden": 128, "batch": 16,
                                       "dropout": 0.1, "eval-every": 2, "method": "pno_r"}},
    "navier_stokes": {"test": 20, "rollout": 20,
                      "torch": {"mode": "autoregressive", "frames-in": 10, "epochs": 12, "batch": 10, "width": 20,
                                "modes": 12, "field": "w", "rollout": 20}},
    "navier_stokes_3d": {"test": 20, "data": "navier_stokes",
                         "torch": {"mode": "space_time", "frames-in": 10, "frames-out": 20, "epochs": 30, "batch": 4,
                                   "width": 20, "modes": 8, "field": "w"}},
    "shallow_water": {"test": 20, "rollout": 41},
    "wave": {"test": 200},
}
SCORES = ("rel_l2", "l2", "energy", "crps", "nll")


def example(name):
    return os.path.join(programs.ROOT, "examples", name + ".yaml")


def make_data(options, name):
    """Paths of the files of a task; gen leaves only whole ones."""
    task, files = TASKS[name], {}
    os.makedirs(options.data, exist_ok=True)
    for split in ("train", "valid", "test"):
        if split != "train" and split not in task:
            continue
        files[split] = os.path.join(options.data, f"{task.get('data', name)}-{split}.h5")
        keys = [f"data.path={files[split]}", f"pde.split={split}"]
        keys += [f"pde.samples={task[split]}"] if split in task else []
        if not os.path.exists(files[split]):
            say("gen", files[split])
            execute(["mpirun", "-n", str(options.ranks), options.pno, "gen", example(task.get("data", name)), *keys], None)
    return files


def rolled(text):
    """Relative L2 at the last frame of a rollout, as predict prints it."""
    rows = re.findall(r"^\s+(\d+)\s+\S+\s+([0-9.e+-]+)$", text, re.M)
    if not rows:
        raise ValueError("predict printed no frames")
    return float(rows[-1][1])


def pno_row(options, name, files):
    run, task = os.path.join(options.runs, name), TASKS[name]
    shutil.rmtree(run, ignore_errors=True)
    mpi = ["mpirun", "-n", str(options.ranks), options.pno]
    # The last state counts, except where validation samples choose one: the test samples choose nothing.
    keys = [f"data.path={files['train']}"] + ([f"data.test={files['valid']}"] if "valid" in files else [])
    seconds, _ = execute([*mpi, "train", example(name), *keys, f"run.seed={options.seed}", "--run", run], None)
    execute([*mpi, "eval", run, f"data.test={files['test']}"], None)
    with open(sorted(glob.glob(os.path.join(run, "eval", "scores-step-*.json")))[-1], encoding="utf-8") as f:
        found = json.load(f)["sets"][0]
    row = {**{k: found[k] for k in SCORES}, "coverage95": found["coverage"]["0.95"], "samples": found["samples"],
           "seconds": seconds, "ranks": options.ranks}
    if "rollout" in task:
        _, text = execute([options.pno, "predict", run, "--rollout", str(task["rollout"]), f"data.test={files['test']}"], None)
        row["rollout"] = rolled(text)
    return row


def torch_row(options, name, files, core):
    words = {"seed": options.seed, **files, **TASKS[name]["torch"]}
    script = "torch_pno.py" if "method" in words else "torch_learn.py"
    command = [os.path.join(options.venv, "bin", "python"), "-B", os.path.join(programs.ROOT, "benchmarks", "peers", script)]
    _, text = execute(command + [w for k, v in words.items() for w in ("--" + k, str(v))], [core], programs.TUNED)
    found = programs.torch_figures(text)
    return {**found, "seconds": found.get("seconds_train", found.get("seconds")), "threads": 1}


def run_task(options, name, program, files, core=None):
    start = time.perf_counter()
    try:
        row = pno_row(options, name, files) if program == "pno" else torch_row(options, name, files, core)
    except (ValueError, KeyError, OSError, IndexError) as e:
        row = {"error": f"{type(e).__name__}: {e}"}
    row.update(task=name, program=program, seed=options.seed, date=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    with open(options.results, "a", encoding="utf-8") as f:
        f.write(json.dumps(row) + "\n")
    say(name, program, row.get("error") or f"relative L2 {row.get('rel_l2', row.get('l2')):.5f}",
        f"{time.perf_counter() - start:.0f} s")


def table(rows):
    last = {(r["task"], r["program"]): r for r in rows if "error" not in r}
    yield "| example | program | relative L2 | L2 | ES | CRPS | NLL | coverage 95 % | last frame of a rollout | training s |"
    yield "|---" * 10 + "|"
    for name in TASKS:
        for program in ("pno", "torch"):
            row = last.get((name, program))
            if not row:
                continue
            scored = row.get("coverage95")  # of one prediction there is nothing to cover
            cells = [row.get("rel_l2"), row.get("l2"), *(row.get(k) if scored else None for k in ("energy", "crps", "nll")),
                     scored or None, row.get("rollout")]
            words = " | ".join("-" if v is None else f"{v:.4g}" for v in cells)
            on = f"{row['ranks']} ranks" if program == "pno" else "1 core"
            yield f"| {name} | {program} | {words} | {row['seconds']:.0f} ({on}) |"


def options_of():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", type=lambda t: t.split(","), default=list(TASKS))
    parser.add_argument("--torch-only", action="store_true")
    parser.add_argument("--no-torch", action="store_true")
    parser.add_argument("--jobs", type=int, default=1, help="PyTorch runs at once, a core each")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    for name, path in (("results", f"benchmarks/results/{time.strftime('%Y-%m-%d', time.gmtime())}-learn.jsonl"),
                       ("pno", "build/launch/pno"), ("venv", "build-peers/venv"), ("data", "datasets/learn"),
                       ("runs", "runs/learn")):
        parser.add_argument("--" + name, default=os.path.join(programs.ROOT, *path.split("/")))
    options = parser.parse_args()
    wrong = [n for n in options.only if n not in TASKS]
    if wrong:
        parser.error(f"--only {wrong[0]}: not among {', '.join(TASKS)}")
    return options


def main():
    options = options_of()
    there = {(r["task"], r["program"], r["seed"]) for r in rows_of(options.results) if "error" not in r}
    files, torch = {}, []
    for name in options.only:
        files[name] = make_data(options, name)
        if not options.torch_only and (name, "pno", options.seed) not in there:
            run_task(options, name, "pno", files[name])
        if "torch" in TASKS[name] and not options.no_torch and (name, "torch", options.seed) not in there:
            torch.append(name)
    each_on_a_core(options.jobs, lambda name, core: run_task(options, name, "torch", files[name], core), torch)
    rows = rows_of(options.results)
    text = "\n".join(table(rows)) + "\n"
    with open(os.path.splitext(options.results)[0] + ".md", "w", encoding="utf-8") as f:
        f.write(text)
    print(text)
    done = {(r["task"], r["program"]) for r in rows if "error" not in r}
    return 0 if all((n, "pno") in done or options.torch_only for n in options.only) else 1


if __name__ == "__main__":
    sys.exit(main())
