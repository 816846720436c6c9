"""Turns of pno's solvers and of their peers: what the cases of run_gen.py are made of."""
import json
import os
import statistics
import subprocess
import time

import numpy as np

import machine
import run
from child import Child, Failed

MPI = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def environment():
    """Of all programs: that of run.py's tuned PyTorch, one thread."""
    return {**run.Contestant(run.REFERENCE, None, "infer", 1, 1).environment(), **MPI}


class Contestant:
    """A process that answers turns; units: what a turn holds, so that ms / units are of one."""

    def __init__(self, name, command, units=1):
        self.name, self.command, self.units = name, command, units
        self.ms, self.what, self.error, self.child = [], None, None, None

    def attempt(self, what, *words):
        if self.error:
            return
        try:
            what(*words)
        except (Failed, OSError) as e:
            self.error = str(e)

    def start(self, cpus):
        self.child = Child(["taskset", "-c", ",".join(map(str, cpus)), *self.command], environment())
        self.what = self.child.answer(run.START_S)["ready"]
        for _ in range(run.WARM):
            self.child.step(run.STEP_S)

    def turn(self):
        time.sleep(run.GAP_S)
        ms = self.child.step(run.STEP_S)
        self.ms.append((self.child.step(run.STEP_S) if ms < run.SHORT_MS else ms) / self.units)

    def record(self):
        one = {"peer": self.name, "what": self.what, "units_a_turn": self.units, "ms": self.ms}
        if self.error:
            return {**one, "error": self.error}
        return {**one, "median": statistics.median(self.ms), "best": min(self.ms)}


def alternate(group, options):
    cpus = machine.cpus(1)
    before = machine.burst(options.build, cpus)
    try:
        for c in group:
            c.attempt(c.start, cpus)
        for _ in range(options.repeats):
            for c in group:
                c.attempt(c.turn)
    finally:
        for c in group:
            if c.child:
                c.child.close()
    return [before, machine.burst(options.build, cpus)]


def ratio(peer, own, scale=1.0):
    """Median of the quotients within a turn."""
    return scale * statistics.median(p / o for p, o in zip(peer.ms, own.ms)) if peer.ms and own.ms else float("nan")


def best(contestants):
    fit = [c for c in contestants if c.ms and not c.error]
    return min(fit, key=lambda c: statistics.median(c.ms)) if fit else contestants[0]


def median(c, scale=1.0):
    return scale * statistics.median(c.ms) if c.ms else float("nan")


def target(what, own, peer, ratio_found, wanted, errors=(None, None)):
    good = ratio_found >= wanted and (errors[0] is None or errors[0] <= errors[1])
    return {"what": what, "pno_ms": own, "peer_ms": peer, "ratio": ratio_found, "wanted": wanted, "met": bool(good),
            "pno_error": errors[0], "peer_error": errors[1]}


class Case:
    """Shared by the cases: programs, a folder, solutions that are not timed in turns."""

    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.python = [os.path.join(options.venv, "bin", "python"), "-B"]
        self.program = os.path.join(options.build, "benchmarks", "bench_gen")

    def path(self, name):
        return os.path.join(self.folder, name)

    def pno(self, *words):
        return [self.program, "--case", *words]

    def peer(self, script, *words):
        return [*self.python, os.path.join(run.HERE, script), *words]

    def execute(self, command):
        """What it printed."""
        done = subprocess.run(command, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False)
        if done.returncode:
            last = (done.stderr or done.stdout).strip().splitlines()[-2:]
            raise Failed(f"{' '.join(command[-6:])}: {' | '.join(last)}")
        return done.stdout

    def once(self, command):
        """A solution on one core: the line that the program printed last."""
        text = self.execute(["taskset", "-c", str(machine.cpus(1)[0]), *command])
        return json.loads(text.strip().splitlines()[-1])

    def solution(self, name, command):
        told = self.once([*command, "--result", self.path(name)])
        return told, np.load(self.path(name))

    def measured(self, what):
        """Rows of bench_gen's own table."""
        path = self.path(what + ".json")
        self.execute(["taskset", "-c", str(machine.cpus(1)[0]), self.program, "--json", path, what])
        with open(path, encoding="utf-8") as f:
            return json.load(f)["results"]


def distance(a, b):
    step = b.shape[0] // a.shape[0]
    b = b[(slice(None, None, step),) * b.ndim]
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))
