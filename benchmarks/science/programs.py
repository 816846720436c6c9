"""How the programs that darcy.py compares are told what to do, and how their answers are read: all of their command lines
stand here."""
import glob
import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CONFIG = os.path.join(ROOT, "examples", "darcy_uq.yaml")
METHODS = {"pno": ("none", "pno_d", "pno_r", "mcdropout", "laplace", "ensemble"), "torch": ("none", "pno_d", "pno_r")}
DROPOUT = {"none": 0.02, "pno_d": 0.2, "pno_r": 0.01, "mcdropout": 0.02, "laplace": 0.02, "ensemble": 0.02}
SCORED = ("pno_d", "pno_r")  # trained with the energy score of draws; the others with the L2 norm
DRAWS, SAMPLES, MEMBERS = 3, 100, 5
# As benchmarks/peers/run.py: malloc keeps its memory, the largest gain for PyTorch.
TUNED = {"MALLOC_TRIM_THRESHOLD_": "100000000000", "MALLOC_MMAP_THRESHOLD_": "100000000000",
         "MALLOC_TOP_PAD_": "1000000000", "OMP_NUM_THREADS": "1"}
MPI = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def pno_generate(options, path, grid, samples, seed):
    return [options.pno, "gen", options.config, f"data.path={path}", f"pde.grid={grid},{grid}", f"pde.samples={samples}",
            f"run.seed={seed}"]


def pno_commands(options, task, run):
    """Training and evaluation; the run of an ensemble holds its members."""
    method = task["method"]
    keys = [f"data.path={task['files']['train']}", f"data.test={task['files']['valid']}", f"run.seed={task['seed']}",
            f"uq.method={method}", f"uq.dropout={DROPOUT[method]}", f"uq.draws={DRAWS}",
            f"train.loss={'energy' if method in SCORED else 'l2'}", f"train.epochs={task['epochs']}",
            f"data.batch={task['batch']}", f"eval.every={task['eval_every']}"]
    keys += [f"uq.ensemble={MEMBERS}"] if method == "ensemble" else []
    return [["mpirun", "-n", str(options.ranks), options.pno, "train", options.config, *keys, "--run", run],
            [options.pno, "eval", run, f"data.test={task['files']['test']}", f"uq.samples={SAMPLES}"]]


def pno_figures(task, run):
    """The row's figures from the newest scores that the evaluation wrote."""
    found = sorted(glob.glob(os.path.join(run, "eval", "scores-step-*.json")), key=os.path.getmtime)
    if not found:
        raise ValueError(f"no scores in {run}/eval")
    with open(found[-1], encoding="utf-8") as f:
        sets = json.load(f)["sets"]
    name = os.path.basename(task["files"]["test"])
    one = next((s for s in sets if os.path.basename(s["data"]) == name), None)
    if one is None:
        raise ValueError(f"{found[-1]} has no scores of {name}")
    row = {k: one[k] for k in ("energy", "crps", "nll", "l2")}
    return {**row, "coverage95": one["coverage"]["0.95"], "coverage95_se": one.get("coverage_se"), "width95": one["width"],
            "calibrated95": one.get("band_coverage"), "calibrated95_se": one.get("band_coverage_se"),
            "samples": SAMPLES, "scored_samples": one["samples"]}


def torch_command(options, task):
    own = {"method": task["method"], "seed": task["seed"], "epochs": task["epochs"], "batch": task["batch"],
           "dropout": DROPOUT[task["method"]], "draws": DRAWS, "samples": SAMPLES, "eval-every": task["eval_every"],
           **task["files"]}
    python = os.path.join(options.venv, "bin", "python")
    words = [python, "-B", os.path.join(ROOT, "benchmarks", "peers", "torch_pno.py")]
    return words + [w for k, v in own.items() for w in ("--" + k, str(v))]


def torch_figures(text):
    lines = [line for line in text.splitlines() if line.startswith("{")]
    if not lines:
        raise ValueError("torch_pno.py wrote no row")
    return json.loads(lines[-1])
