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
            ["mpirun", "-n", str(options.ranks), options.pno, "eval", run, f"uq.samples={SAMPLES}",
             f"data.test={task['files']['common']},{task['files']['test']}"]]


def pno_figures(task, run):
    """The row's figures from the newest scores that the evaluation wrote: scores on the samples that PyTorch has too,
    coverage on all."""
    found = sorted(glob.glob(os.path.join(run, "eval", "scores-step-*.json")), key=os.path.getmtime)
    if not found:
        raise ValueError(f"no scores in {run}/eval")
    with open(found[-1], encoding="utf-8") as f:
        common, whole = json.load(f)["sets"]
    row = {k: common[k] for k in ("energy", "crps", "nll", "l2")}
    row.update({k + "_all": whole[k] for k in row})
    return {**row, "coverage95": whole["coverage"]["0.95"], "coverage95_se": whole["coverage_se"]["0.95"],
            "width95": whole["width"]["0.95"], "calibrated95": whole["band_coverage"]["0.95"],
            "calibrated95_se": whole["band_coverage_se"]["0.95"],
            "calibrated_width95": whole["band_width"]["0.95"], "field95": whole["field_coverage"]["0.95"],
            "ssr": whole["ssr"], "ece": whole["ece"], "samples": SAMPLES, "scored_samples": whole["samples"]}


def torch_command(options, task):
    own = {"method": task["method"], "seed": task["seed"], "epochs": task["epochs"], "batch": task["batch"],
           "dropout": DROPOUT[task["method"]], "draws": DRAWS, "samples": SAMPLES, "eval-every": task["eval_every"],
           "train": task["files"]["train"], "valid": task["files"]["few"], "test": task["files"]["common"]}
    python = os.path.join(options.venv, "bin", "python")
    words = [python, "-B", os.path.join(ROOT, "benchmarks", "peers", "torch_pno.py")]
    return words + [w for k, v in own.items() for w in ("--" + k, str(v))]


def torch_figures(text):
    lines = [line for line in text.splitlines() if line.startswith("{")]
    if not lines:
        raise ValueError("torch_pno.py wrote no row")
    return json.loads(lines[-1])
