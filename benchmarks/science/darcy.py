"""Which method knows best how wrong it is? Trains and scores all of them, in pno and in PyTorch, on Darcy flow that pno
makes itself. README.md says what is compared and how long it takes.

    darcy.py [--full] [--only pno:pno_d,torch:none] [--seeds 1,12,123] [--budget MINUTES] [--jobs 2] [--results FILE]

Adds one line of JSON a run to FILE; runs that are in it are not repeated. Writes the table of all of them beside it, .md."""
import argparse
import concurrent.futures
import json
import os
import queue
import shutil
import statistics
import subprocess
import sys
import threading
import time

import programs

SEEDS = (1, 12, 123, 1234, 12345, 123456, 1234567, 12345678, 123456789)
# Grids of training and of validation and test; samples of each file; seeds. PyTorch, whose 100 draws take it 2 s a sample,
# validates on the first few of the validation samples and is scored on the first of the test samples, as pno is too.
SAMPLES = {"train": 500, "valid": 250, "test": 1000, "few": 40, "common": 64}
SIZES = {"short": {"grid": (32, 64), "samples": SAMPLES, "seeds": 3}, "full": {"grid": (64, 128), "samples": SAMPLES, "seeds": 9}}
DATA_SEEDS = {"train": 1001, "valid": 1002, "test": 1003, "few": 1002, "common": 1003}
SETUP = ("epochs", "batch", "eval_every", "grids", "samples_of")
COLUMNS = (("energy", "ES"), ("crps", "CRPS"), ("nll", "NLL"), ("l2", "L2"), ("coverage95", "coverage"),
           ("width95", "width"), ("calibrated95", "recalibrated"), ("calibrated_width95", "its width"), ("seconds_train", "train s"), ("seconds_eval", "score s"))


def say(*words):
    print(time.strftime("%H:%M:%S"), *words, file=sys.stderr, flush=True)


def execute(command, cores, extra=None):
    """(seconds, standard output); raises ValueError with the last words of what failed."""
    pinned = ["taskset", "-c", ",".join(map(str, cores)), *command] if cores else command
    start = time.perf_counter()
    done = subprocess.run(pinned, env={**os.environ, **programs.MPI, **(extra or {})}, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()
        words = [w.strip() for w in words if "error" in w.lower()] or words
        raise ValueError(f"{' '.join(command[:6])} .. ended with {done.returncode}: {' | '.join(words[-2:])}")
    return round(time.perf_counter() - start, 2), done.stdout


def make_data(options):
    """Paths of the files; they have their sizes in their names, and gen leaves only whole ones. The first samples of a file
    are those of a shorter one of the same seed."""
    os.makedirs(options.data, exist_ok=True)
    files = {}
    for name, samples in options.samples.items():
        grid = options.grid[name != "train"]
        files[name] = os.path.join(options.data, f"darcy-{name}-{grid}-{samples}.h5")
        if not os.path.exists(files[name]):
            say("gen", files[name])
            execute(programs.pno_generate(options, files[name], grid, samples, DATA_SEEDS[name]), None)
    return files


def tasks_of(options, files):
    setup = {"epochs": options.epochs, "batch": options.batch, "eval_every": options.eval_every,
             "grids": list(options.grid), "samples_of": options.samples}
    for seed in options.seeds:
        for program, methods in programs.METHODS.items():
            for method in methods:
                if not options.only or program in options.only or f"{program}:{method}" in options.only:
                    yield {"program": program, "method": method, "seed": seed, "files": files, **setup}


def key_of(row):
    return json.dumps([row.get(k) for k in ("program", "method", "seed", *SETUP)], sort_keys=True)


def rows_of(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f if line.strip()]


class Results:
    """The file of rows, and how long each kind of run took."""

    def __init__(self, options):
        self.path, self.until, self.lock = options.results, time.time() + 60 * options.budget, threading.Lock()
        self.there = {key_of(r) for r in rows_of(self.path) if "error" not in r}
        self.longest, self.failed, self.left = {}, 0, 0

    def has_time(self, task):
        fits = time.time() + self.longest.get((task["program"], task["method"]), 0) < self.until
        self.left += not fits
        return fits

    def add(self, task, row, seconds):
        with self.lock:
            kind = task["program"], task["method"]
            self.longest[kind] = max(self.longest.get(kind, 0), seconds)
            self.failed += "error" in row
            with open(self.path, "a", encoding="utf-8") as f:
                f.write(json.dumps(row) + "\n")
        say(*kind, task["seed"], row.get("error") or f"ES {row['energy']:.5f} coverage {row['coverage95']:.3f}",
            f"{seconds:.0f} s")


def pno_row(options, task):
    run = os.path.join(options.runs, f"{task['method']}-{task['seed']}-{task['epochs']}-{options.grid[0]}")
    shutil.rmtree(run, ignore_errors=True)  # what an interrupted run of this script left
    train, score = programs.pno_commands(options, task, run)
    seconds_train, _ = execute(train, None)
    seconds_eval, _ = execute(score, None)
    return {**programs.pno_figures(task, run), "seconds_train": seconds_train, "seconds_eval": seconds_eval,
            "ranks": options.ranks}


def run_task(options, results, task, core=None):
    if not results.has_time(task):
        return
    start, own = time.perf_counter(), {k: task[k] for k in ("program", "method", "seed", *SETUP)}
    try:
        if task["program"] == "pno":
            found = pno_row(options, task)
        else:
            _, text = execute(programs.torch_command(options, task), [core], programs.TUNED)
            found = programs.torch_figures(text)
        row = {**found, **own, "epochs_done": found.get("epochs", task["epochs"])}
    except (ValueError, KeyError, OSError) as e:
        row = {**own, "error": f"{type(e).__name__}: {e}"}
    row["date"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    results.add(task, row, time.perf_counter() - start)


def each_on_a_core(jobs, work, items):
    """work(item, core) for all of them, so many at once."""
    cores = queue.Queue()
    for core in sorted(os.sched_getaffinity(0))[-jobs:]:
        cores.put(core)

    def one(item):
        core = cores.get()
        try:
            work(item, core)
        finally:
            cores.put(core)

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        list(pool.map(one, items))


def run_all(options, results, tasks):
    """pno one after the other, as each has all cores; then PyTorch, a core each, the longest first if several at once."""
    for task in (t for t in tasks if t["program"] == "pno"):
        run_task(options, results, task)
    mine = [t for t in tasks if t["program"] == "torch"]
    if options.jobs > 1:
        mine.sort(key=lambda t: t["method"] != "pno_d")
    each_on_a_core(options.jobs, lambda task, core: run_task(options, results, task, core), mine)


def cell(rows, name):
    """Mean +- standard deviation over seeds; of a coverage also the mean standard error over samples."""
    values = [r[name] for r in rows if r.get(name) is not None]
    if not values:
        return "-"
    spread = f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
    errors = [r[name + "_se"] for r in rows if r.get(name + "_se") is not None]
    return f"{statistics.mean(values):.4g}{spread}" + (f" (se {statistics.mean(errors):.2g})" if errors else "")


def table(options, rows):
    """Markdown of the rows of this set-up; of a run that was made twice the last counts."""
    setup = next(tasks_of(options, None), None)
    last = {key_of(r): r for r in rows if "error" not in r and setup and all(r.get(k) == setup[k] for k in SETUP)}
    own = options.samples
    yield f"Train {own['train']} at {options.grid[0]}², {options.epochs} epochs of batch {options.batch}; the rest at " \
          f"{options.grid[1]}². ES, CRPS, NLL, L2 on the first {own['common']} test samples, coverage and width (95 %) on " \
          f"{own['test']} (torch: {own['common']}), bands fitted on {own['valid']} validation samples (torch: {own['few']}). " \
          "Mean ± sd over seeds; se over test samples.\n"
    yield "| program | method | seeds | " + " | ".join(title for _, title in COLUMNS) + " |"
    yield "|---" * (len(COLUMNS) + 3) + "|"
    for program, methods in programs.METHODS.items():
        for method in methods:
            mine = [r for r in last.values() if (r["program"], r["method"]) == (program, method)]
            if mine:
                yield f"| {program} | {method} | {len(mine)} | " + " | ".join(cell(mine, n) for n, _ in COLUMNS) + " |"


def options_of():
    def numbers(text):
        return [int(v) for v in text.split(",")]

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="64 to 128, 250 and 1,000 samples, 9 seeds: days, not minutes")
    parser.add_argument("--only", type=lambda t: t.split(","), help="pno, torch, or PROGRAM:METHOD,..")
    parser.add_argument("--seeds", type=numbers)
    parser.add_argument("--budget", type=float, default=60, help="minutes after which nothing is started")
    parser.add_argument("--jobs", type=int, default=1, help="PyTorch runs at once, a core each")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--eval-every", type=int, default=2)
    parser.add_argument("--ranks", type=int, default=2)
    for name in SAMPLES:
        parser.add_argument("--" + name, type=int, help="samples")
    parser.add_argument("--results", default=os.path.join(programs.ROOT, "benchmarks", "results",
                                                          time.strftime("%Y-%m-%d-darcy-uq.jsonl", time.gmtime())))
    parser.add_argument("--pno", default=os.path.join(programs.ROOT, "build", "launch", "pno"))
    parser.add_argument("--config", default=programs.CONFIG)
    parser.add_argument("--venv", default=os.path.join(programs.ROOT, "build-peers", "venv"))
    parser.add_argument("--data", default=os.path.join(programs.ROOT, "datasets", "darcy-uq"))
    parser.add_argument("--runs", default=os.path.join(programs.ROOT, "runs", "darcy-uq"))
    options = parser.parse_args()
    size = SIZES["full" if options.full else "short"]
    options.grid, options.seeds = size["grid"], options.seeds or list(SEEDS[: size["seeds"]])
    options.samples = {k: getattr(options, k) or v for k, v in size["samples"].items()}
    known = list(programs.METHODS) + [f"{p}:{m}" for p, ms in programs.METHODS.items() for m in ms]
    wrong = [w for w in options.only or [] if w not in known]
    if wrong:
        parser.error(f"--only {wrong[0]}: not among {', '.join(known)}")
    return options


def main():
    options = options_of()
    results = Results(options)
    tasks = [t for t in tasks_of(options, make_data(options)) if key_of(t) not in results.there]
    say(len(tasks), "runs to do,", options.results)
    run_all(options, results, tasks)
    text = "\n".join(table(options, rows_of(options.results))) + "\n"
    with open(os.path.splitext(options.results)[0] + ".md", "w", encoding="utf-8") as f:
        f.write(text)
    print(text)
    if results.failed or results.left:
        say(results.failed, "failed,", results.left, "not started for want of time: the same command goes on")
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
