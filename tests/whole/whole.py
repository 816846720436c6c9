"""The program from outside: starting it under mpirun, its journal, its checkpoints. Shared by the subjects.

SUBJECT.py PNO MPIRUN SOURCE_ROOT SCRATCH; PNO_LONG=1 runs the long form. Exit code 77: skipped, the last line says why.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

SKIP = 77
try:
    import h5py
    import numpy as np
except ImportError as missing:
    print("this Python lacks a module:", missing)
    sys.exit(SKIP)

PNO, MPIRUN, SOURCE_ROOT, SCRATCH = map(os.path.abspath, sys.argv[1:5])  # cases change the folder
LONG = os.environ.get("PNO_LONG", "0") == "1"
TIMING = ("step_ms", "samples_per_s", "wall_s")  # of a journal line: differ from run to run
SMALL = ("model.width=8", "model.modes=4,4", "checkpoint.every_s=0", "checkpoint.keep=1000")


def check(condition, *words):
    if not condition:
        raise AssertionError(" ".join(str(w) for w in words))


def skip(*words):
    print(*words)
    sys.exit(SKIP)


def command(ranks, *words):
    return [MPIRUN, "-n", str(ranks), PNO, *words] if ranks else [PNO, *words]


class Job:
    """A started program. Its session holds mpirun and all ranks: Open MPI gives each rank a process group of its own.

    grace: Open MPI's odls_base_sigkill_timeout in seconds. mpirun sleeps that long between SIGCONT and SIGTERM, and again
    before SIGKILL, whenever it is told to stop or a rank is still there when another ends with an exit code: with 60 s,
    exit 75 takes two minutes.
    """

    def __init__(self, ranks, *words, grace=1):
        self.words = words
        self.log = tempfile.TemporaryFile(dir=os.getcwd())
        self.process = subprocess.Popen(command(ranks, *words), stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=subprocess.STDOUT, start_new_session=True,
                                        env={**os.environ, "OMPI_MCA_odls_base_sigkill_timeout": str(grace)})

    def members(self):
        """(pid, name) of the living processes of the session, mpirun first."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
                    name, rest = stat.read().split("(", 1)[1].rsplit(")", 1)
            except (OSError, IndexError):
                continue
            state, session = rest.split()[0], int(rest.split()[3])
            if session == self.process.pid and state not in "ZX":
                found.append((int(pid), name))
        return sorted(found)

    def ranks(self):
        return [pid for pid, name in self.members() if name == "pno"]

    def send(self, number):
        os.kill(self.process.pid, number)

    def text(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def end(self, timeout=120):
        """Exit code; what is left of the session after the time-out is killed."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"pno {' '.join(self.words)}: not done after {timeout} s\n{self.text()}") from None
        finally:
            self.sweep(0 if sys.exc_info()[0] else 10)

    def sweep(self, patience):
        """Ranks that outlive mpirun die by themselves within seconds; the rest is killed."""
        limit = time.monotonic() + patience
        while self.members():
            if time.monotonic() > limit:
                for pid, _ in self.members():
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)


def pno(ranks, *words, code=0, timeout=120):
    """Runs to the end and returns what was printed; ranks 0: without mpirun; code None: whatever it is."""
    job = Job(ranks, *words)
    got = job.end(timeout)
    check(code is None or got == code, f"pno {' '.join(words)} on {ranks} ranks: exit code {got}, expected {code}\n{job.text()}")
    return job.text()


def train(ranks, run, data, *words, code=0, timeout=120):
    return pno(ranks, "train", "--run", run, f"data.path={data}", *SMALL, *words, code=code, timeout=timeout)


def resume(ranks, run, *words, step=None, code=0):
    return pno(ranks, "train", "--run", run, "--resume" + (f"={step}" if step is not None else ""), *words, code=code)


def generate(path, samples, grid="16,16", ranks=1, *words):
    """Makes a Darcy data set and returns its content digest."""
    text = pno(ranks, "gen", f"data.path={path}", f"pde.grid={grid}", f"pde.samples={samples}", *words)
    return re.search(r"content (xxh3-128:[0-9a-f]{32})", text).group(1)


def journal(run, kind="train"):
    """Whole lines of a kind."""
    with open(os.path.join(run, "metrics.jsonl"), encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines if line.endswith("\n")]
    return [row for row in rows if row["t"] == kind]


def timeless(run, kind="train"):
    return [{k: repr(v) for k, v in row.items() if k not in TIMING} for row in journal(run, kind)]


def losses(run):
    return np.array([row["loss"] for row in journal(run)])


def wait_steps(job, run, steps, timeout=60):
    """Until the journal holds so many steps."""
    path, limit = os.path.join(run, "metrics.jsonl"), time.monotonic() + timeout
    while True:
        try:
            with open(path, "rb") as lines:
                if lines.read().count(b'"t":"train"') >= steps:
                    return
        except FileNotFoundError:
            pass
        check(job.process.poll() is None, "ended before step", steps, "\n", job.text())
        check(time.monotonic() < limit, "no step", steps, "after", timeout, "s\n", job.text())
        time.sleep(0.01)


def steps_of(run):
    names = os.listdir(os.path.join(run, "checkpoints"))
    return sorted(int(n[5:]) for n in names if re.fullmatch(r"step-\d{8}", n))


def pointed(run, which="LATEST", folder="checkpoints"):
    with open(os.path.join(run, folder, which), encoding="utf-8") as text:
        return int(text.read().strip()[5:])


def checkpoint(run, step=None, folder="checkpoints"):
    """Arrays and scalars of a checkpoint by name, put together from all shards; step None: LATEST. folder: "uq" for what
    was fitted after training."""
    folder = os.path.join(run, folder, f"step-{pointed(run, folder=folder) if step is None else step:08d}")
    arrays, scalars = {}, {}

    def visit(name, node):
        if isinstance(node, h5py.Dataset):
            whole = arrays.setdefault(name, np.zeros(node.attrs["global_shape"], node.dtype))
            at = node.attrs["offset"]
            whole[tuple(slice(o, o + n) for o, n in zip(at, node.shape))] = node[()]
        else:
            scalars.update({f"{name}/{key}": value for key, value in node.attrs.items()})

    for shard in sorted(n for n in os.listdir(folder) if n.endswith(".h5")):
        with h5py.File(os.path.join(folder, shard), "r") as file:
            file.visititems(visit)
    return arrays, scalars


def same_state(one, other, where, step=None):
    """Two checkpoints hold the same bits; only what the balancer measured may differ."""
    (arrays, scalars), (arrays2, scalars2) = checkpoint(one, step), checkpoint(other, step)
    drop = lambda d: {k: v for k, v in d.items() if not k.startswith("balance/")}
    arrays, scalars, arrays2, scalars2 = map(drop, (arrays, scalars, arrays2, scalars2))
    check(arrays.keys() == arrays2.keys() and len(arrays) > 20, where, "other arrays")
    for name, a in arrays.items():
        check(a.tobytes() == arrays2[name].tobytes(), where, name, "has other bits")
    for name, value in scalars.items():
        check(np.array_equal(value, scalars2[name]), where, name, value, "against", scalars2[name])


def same_journal(one, other, where):
    for kind in ("train", "valid"):
        a, b = timeless(one, kind), timeless(other, kind)
        check(len(a) == len(b), where, kind, "lines:", len(a), "against", len(b))
        for x, y in zip(a, b):
            check(x == y, where, x, "against", y)


def main(*cases):
    """Runs each case in a folder of its own; ends the program."""
    failed = 0
    os.makedirs(SCRATCH, exist_ok=True)
    for case in cases:
        folder = tempfile.mkdtemp(prefix=case.__name__ + "-", dir=SCRATCH)
        start = time.monotonic()
        os.chdir(folder)
        try:
            case()
            print(f"ok    {case.__name__}  {time.monotonic() - start:.1f} s", flush=True)
        except Exception:  # the other cases still run
            failed += 1
            print(f"FAIL  {case.__name__}\n{traceback.format_exc()}", flush=True)
        finally:
            os.chdir(SCRATCH)
            if not os.environ.get("PNO_KEEP"):
                shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if failed else 0)
