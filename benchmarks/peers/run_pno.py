"""Times probabilistic training steps, plain inference and evaluations of 100 draws in PyTorch: run.py's turns, with a method
and a way of drawing as well. README.md says how it is kept fair.

    run_pno.py [--configs p1,p2] [--methods none,pno_d,pno_r] [--modes train,infer,eval] [--peers torch-tuned,..]
               [--threads 1] [--repeats 7] [--json FILE] [--build build-peers/pno] [--venv build-peers/venv] [--cost]

Prints Markdown: medians (best) in ms; with --cost what draws cost in pno alone, as medians of quotients within a turn.
Exit 1 if a peer failed."""
import argparse
import os
import statistics
import sys
import time

import machine
import run
from child import Child, Failed

CONFIGS = {"p1": ((64, 64), 12, 32, 16), "p2": ((32, 32), 12, 32, 32)}  # n, modes, width, batch: Darcy of the PNO paper
# Options of torch_pno.py, and run.py's peer whose environment it gets.
PEERS = {"pno": ([], "pno"), "torch-tuned": (["--tuned"], "torch-tuned"), "torch-tuned loop": (["--tuned", "--draw", "loop"], "torch-tuned"),
         "torch": ([], "torch")}
METHODS, MODES = ("none", "pno_d", "pno_r"), ("train", "infer", "eval")
START_S, STEP_S = 600, 600


class Contestant:
    def __init__(self, peer, config, method, mode, threads):
        self.peer, self.config, self.method, self.mode, self.threads = peer, config, method, mode, threads
        self.ms, self.what, self.error, self.child = [], None, None, None

    def start(self, options, cpus):
        n, modes, width, batch = CONFIGS[self.config]
        own = {"n": ",".join(map(str, n)), "modes": modes, "width": width, "batch": 1 if self.mode == "eval" else batch,
               "threads": self.threads, "mode": self.mode, "method": self.method}
        words, like = PEERS[self.peer]
        program = [os.path.join(options.build, "benchmarks", "peers", "pno_step")] if self.peer == "pno" else [
            os.path.join(options.venv, "bin", "python"), "-B", os.path.join(run.HERE, "torch_pno.py")]
        command = ["taskset", "-c", ",".join(map(str, cpus)), *program, *words,
                   *(w for k, v in own.items() for w in ("--" + k, str(v)))]
        self.child = Child(command, run.Contestant(like, None, self.mode, self.threads, 1).environment())
        self.what = self.child.answer(START_S)["ready"]
        for _ in range(run.WARM):
            self.child.step(STEP_S)

    def turn(self):
        time.sleep(run.GAP_S)
        ms = self.child.step(STEP_S)
        self.ms.append(self.child.step(STEP_S) if ms < run.SHORT_MS else ms)

    def attempt(self, what, *words):
        if not self.error:
            try:
                what(*words)
            except (Failed, OSError) as e:
                self.error = str(e)

    def record(self):
        one = {k: getattr(self, k) for k in ("config", "mode", "method", "peer", "threads", "what", "ms")}
        one.update(ranks=1, cores=self.threads, rss_mb=self.child.rss_mb if self.child else 0)
        if self.error:
            return {**one, "error": self.error}
        return {**one, "median": statistics.median(self.ms), "best": min(self.ms)}


def wanted(options, config, mode):
    """Draws in turn are another way only where there are several passes to train; inference is of the plain network."""
    for method in options.methods if mode == "train" else ["none"] if mode == "infer" else ["pno_d", "pno_r"]:
        for peer in options.peers:
            if method in options.methods and ("loop" not in peer or (method, mode) == ("pno_d", "train")):
                yield Contestant(peer, config, method, mode, options.threads)


def alternate(group, options, cpus):
    """A step of each in turn, those of one method together in memory."""
    try:
        for c in group:
            c.attempt(c.start, options, cpus)
        for _ in range(options.repeats):
            for c in group:
                c.attempt(c.turn)
    finally:
        for c in group:
            if c.child:
                c.child.close()


def cost(options, cpus):
    """Steps of the methods in turn: a draw of training over a deterministic step, PNO_R's step over that, and a draw of an
    evaluation with its scores over a plain inference (of as many samples as the batch holds)."""
    for config in options.configs:
        kinds = (("none", "train"), ("pno_d", "train"), ("pno_r", "train"), ("none", "infer"), ("pno_d", "eval"))
        group = [Contestant("pno", config, method, mode, options.threads) for method, mode in kinds]
        alternate(group, options, cpus)
        if any(c.error for c in group):
            yield from (f"FAILED {config} {c.method} {c.mode}: {c.error}" for c in group if c.error)
            return
        step, draws, heads, plain, scored = (c.ms for c in group)
        batch = CONFIGS[config][3]
        quotients = ([d / (3 * s) for d, s in zip(draws, step)], [r / s for r, s in zip(heads, step)],
                     [(p / batch) / (e / 100) for p, e in zip(plain, scored)])
        words = (f"{statistics.median(q):.3f} ({min(q):.3f}..{max(q):.3f})" for q in quotients)
        yield f"| {config} | " + " | ".join(words) + " |"


def table(records):
    columns = list(dict.fromkeys(r["peer"] for r in records))
    yield "| config | step | method | " + " | ".join(columns) + " |"
    yield "|---" * (len(columns) + 3) + "|"
    for row in dict.fromkeys((r["config"], r["mode"], r["method"]) for r in records):
        cells = {r["peer"]: r for r in records if (r["config"], r["mode"], r["method"]) == row}
        words = ["-" if c not in cells else "failed" if "error" in cells[c] else
                 f"{cells[c]['median']:.1f} ({cells[c]['best']:.1f})" for c in columns]
        yield "| " + " | ".join((*row, *words)) + " |"
    for r in records:
        if "error" in r:
            yield f"\nFAILED {r['config']} {r['mode']} {r['method']} {r['peer']}: {r['error']}"


def options_of():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, known in (("configs", CONFIGS), ("methods", METHODS), ("modes", MODES), ("peers", PEERS)):
        parser.add_argument("--" + name, type=lambda t: t.split(","), default=list(known))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json")
    parser.add_argument("--build", default=os.path.join(run.ROOT, "build-peers", "pno"))
    parser.add_argument("--venv", default=os.path.join(run.ROOT, "build-peers", "venv"))
    parser.add_argument("--cost", action="store_true")
    options = parser.parse_args()
    for name, known in (("configs", CONFIGS), ("methods", METHODS), ("modes", MODES), ("peers", PEERS)):
        wrong = [w for w in getattr(options, name) if w not in known]
        if wrong:
            parser.error(f"--{name} {wrong[0]}: not among {', '.join(known)}")
    return options


def main():
    options = options_of()
    cpus = machine.cpus(options.threads)
    if options.cost:
        lines = list(cost(options, cpus))
        print("| config | PNO_D step / 3 steps | PNO_R step / step | draw / inference, speed |\n|---|---|---|---|", *lines, sep="\n")
        return any(line.startswith("FAILED") for line in lines)
    found = {"machine": machine.describe(run.ROOT), "repeats": options.repeats, "results": []}
    for config in options.configs:
        for mode in options.modes:
            contestants = list(wanted(options, config, mode))
            for method in dict.fromkeys(c.method for c in contestants):
                group = [c for c in contestants if c.method == method]
                alternate(group, options, cpus)
                found["results"] += [c.record() for c in group]
                print("\n".join(list(table([c.record() for c in group]))[2:]), file=sys.stderr, flush=True)
                if options.json:
                    run.save(options.json, found)
    print("\n".join(table(found["results"])))
    return any("error" in r for r in found["results"])


if __name__ == "__main__":
    sys.exit(main())
