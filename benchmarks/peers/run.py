"""Times the same training or inference step in pno and its peers, a step of each in turn. README.md says what and why.

    run.py [--configs a1,c1] [--threads 1,2] [--ranks 1,2] [--modes train,infer] [--peers pno,torch-tuned,..]
           [--repeats 7] [--json FILE] [--build build-peers/pno] [--venv build-peers/venv]

Prints Markdown: medians (best) in ms and how many times faster than torch-tuned. Exit 1 if a peer failed."""
import argparse
import json
import math
import os
import statistics
import sys
import time

import machine
from child import Child, Failed

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
CONFIGS = {  # n, modes, width, batch
    "a1": ((64, 64), 12, 32, 20), "a2": ((256, 256), 12, 32, 20),
    "b1": ((128, 128), 16, 64, 20), "b2": ((128, 128), 32, 64, 20),
    "c1": ((1024,), 16, 64, 20), "c2": ((8192,), 16, 64, 20),
    "d1": ((64, 64, 40), 8, 20, 10), "d2": ((64, 64, 40), 12, 32, 10),
}
# What a peer needs, so as not to start more than fits: GB before the first step; then, training and inferring, how many
# times the activations of a layer and of the head. From the peak sizes of a2, c1 and d1.
PEERS = {
    "pno": ("pno_step", 0.05, (8, 1), (7, 0)), "torch-tuned": ("torch_li.py", 0.9, (18, 5), (9, 2)),
    "torch": ("torch_li.py", 0.9, (18, 5), (9, 2)), "neuralop": ("neuralop_fno.py", 0.9, (48, 0), (17, 0)),
    "pno-neuralop": ("pno_step", 0.05, (14, 0), (9, 0)), "jax": ("jax_fno.py", 0.4, (21, 3), (6, 1.2)),
    "unfused": ("unfused", 0.05, (10, 0.2), (3, 0.2)),
}
REFERENCE, LAYERS, HEAD = "torch-tuned", 4, 128
TUNED = {"MALLOC_TRIM_THRESHOLD_": "100000000000", "MALLOC_MMAP_THRESHOLD_": "100000000000",
         "MALLOC_TOP_PAD_": "1000000000"}
START_S, STEP_S, GAP_S, SPARE_GB = 600, 600, 0.05, 2
WARM = 2  # torch still takes new pages in its second step (a2: 7 s of the system), none in its third
SHORT_MS = 1000  # a step under this is taken twice and the second counts: training finds its data in cache, not another's


class Contestant:
    """A peer with its threads and ranks in one configuration."""

    def __init__(self, peer, config, mode, threads, ranks):
        self.peer, self.config, self.mode, self.threads, self.ranks = peer, config, mode, threads, ranks
        self.name = peer if ranks == 1 else f"{peer}, {ranks} ranks"
        self.ms, self.ratios, self.what, self.error, self.rss_mb, self.beside = [], [], None, None, 0, []

    def gigabytes(self):
        n, modes, width, batch = CONFIGS[self.config]
        base, *needs = PEERS[self.peer][1:]
        layers, heads = needs[self.mode == "infer"]
        weights = 4 * 2 * width * width * modes**len(n) * 2 ** (len(n) - 1) * LAYERS
        copies = 2 if self.mode == "infer" else 6
        return base + 1e-9 * (4 * math.prod(n) * batch * (layers * width + heads * HEAD) + copies * weights)

    def command(self, options, cpus):
        program = PEERS[self.peer][0]
        n, modes, width, batch = CONFIGS[self.config]
        own = ["--n", ",".join(map(str, n)), "--modes", str(modes), "--width", str(width), "--batch", str(batch),
               "--threads", str(self.threads), "--mode", self.mode]
        pin = ["taskset", "-c", ",".join(map(str, cpus))]
        if program.endswith(".py"):
            tuned = [] if self.peer == "torch" else ["--tuned"]
            return [*pin, os.path.join(options.venv, "bin", "python"), "-B", os.path.join(HERE, program), *own, *tuned]
        own += ["--ranks", str(self.ranks)] if self.ranks > 1 else []
        own += ["--neuralop"] if self.peer == "pno-neuralop" else []
        bind = ["--map-by", f"slot:PE={self.threads}", "--bind-to", "core"]
        start = ["mpirun", "-n", str(self.ranks), *bind] if self.ranks > 1 else pin
        return [*start, os.path.join(options.build, "benchmarks", "peers", program), *own]

    def environment(self):
        loud = ("MALLOC_", "OMP_", "KMP_", "MKL_", "OPENBLAS_", "ATEN_", "XLA_", "GOMP_", "LD_PRELOAD")
        env = {k: v for k, v in os.environ.items() if not k.startswith(loud)}
        env.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        if self.peer != "torch":
            env.update(OMP_NUM_THREADS=str(self.threads), OPENBLAS_CORETYPE=machine.openblas_core())
        if self.peer in (REFERENCE, "neuralop"):
            env.update(TUNED)
        return env

    def record(self):
        one = {k: getattr(self, k) for k in ("config", "mode", "peer", "threads", "ranks", "what", "ms", "rss_mb", "beside")}
        one["cores"] = self.threads * self.ranks
        if self.error:
            one["error"] = self.error
        elif self.ms:
            one.update(median=statistics.median(self.ms), best=min(self.ms))
        if self.ratios:
            one["over_" + REFERENCE.replace("-", "_")] = statistics.median(self.ratios)
        return one


def alternate(contestants, options, cpus):
    """{contestant: [ms]} of one run in which each does a step in turn; who fails leaves, with words."""
    children, times = {}, {}
    try:
        for c in contestants:
            try:
                children[c] = Child(c.command(options, cpus), c.environment(), c.ranks)
                c.what = children[c].answer(START_S)["ready"]
                for _ in range(WARM):
                    children[c].step(STEP_S)
                times[c] = []
            except (Failed, OSError) as e:
                c.error = str(e)
        for _ in range(options.repeats):
            for c in [c for c in times if not c.error]:
                time.sleep(GAP_S)  # threads of the last one spin for some ms before they sleep
                try:
                    ms = children[c].step(STEP_S)
                    times[c].append(children[c].step(STEP_S) if ms < SHORT_MS else ms)
                except Failed as e:
                    c.error = str(e)
        for c in children:
            c.rss_mb = max(c.rss_mb, children[c].rss_mb)
    finally:
        for child in children.values():
            child.close()
    return {c: t for c, t in times.items() if not c.error}


def rounds_of(contestants, gigabytes):
    """Runs that fit the memory: all at once if they do; else pno and the reference in each; else what fits."""
    def fits(group):
        return sum(c.gigabytes() for c in group) <= gigabytes

    if fits(contestants):
        return [contestants]
    always = [c for c in contestants if c.peer in ("pno", REFERENCE)]
    reference = [c for c in always if c.peer == REFERENCE]
    rounds = []
    for c in (c for c in contestants if c not in always):
        home = next((r for r in rounds if all(a in r for a in reference) and fits(r + [c])), None)
        if home:
            home.append(c)
        else:
            rounds.append(next((g for g in (always + [c], reference + [c]) if fits(g)), [c]))
    left = [a for a in always if not any(a in r for r in rounds)]
    together = reference + [a for a in left if a not in reference]
    return ([together] if fits(together) else [[a] for a in left]) * bool(left) + rounds


def measure(contestants, options, cpus):
    for group in rounds_of(contestants, machine.free_gb() - SPARE_GB):
        need, free = sum(c.gigabytes() for c in group), machine.free_gb() - SPARE_GB
        if need > free:
            for c in group:
                c.error = c.error or (None if c.ms else f"not started: needs about {need:.1f} GB, {free:.1f} are free")
            continue
        times = alternate(group, options, cpus)
        reference = next((t for c, t in times.items() if c.peer == REFERENCE), None)
        for c, ms in times.items():
            if c.ms:
                continue  # measured in an earlier run: here for the ratios of the others
            c.ms, c.beside = ms, [other.name for other in times if other is not c]
            if reference:
                c.ratios = [r / own for r, own in zip(reference, ms)]
    alone = next((c for c in contestants if c.peer == REFERENCE and c.ms), None)
    for c in contestants:
        if c.ms and not c.ratios and alone:  # did not fit beside it: medians of different runs
            c.ratios = [statistics.median(alone.ms) / statistics.median(c.ms)]


def contestants_of(options, config, mode, cores):
    for peer in options.peers:
        for ranks in options.ranks if peer == "pno" else [1]:
            if cores % ranks == 0 and (ranks == 1 or cores // ranks in options.threads):
                yield Contestant(peer, config, mode, cores // ranks, ranks)


def tables(records, bursts):
    """Markdown: a table a mode and number of cores."""
    ratio = "over_" + REFERENCE.replace("-", "_")
    for mode, cores in sorted({(r["mode"], r["cores"]) for r in records}, key=lambda k: (k[0] != "train", k[1])):
        here = [r for r in records if (r["mode"], r["cores"]) == (mode, cores)]
        columns = list(dict.fromkeys((r["peer"], r["ranks"]) for r in here))
        names = [p if n == 1 else f"{p}, {n} ranks" for p, n in columns]
        yield f"\n{mode}, {cores} core{'s' * (cores > 1)}: ms, median (best), times faster than {REFERENCE}\n"
        yield "| config | " + " | ".join(names) + " | FMA GFLOP/s before, after |"
        yield "|---" * (len(columns) + 2) + "|"
        for config in dict.fromkeys(r["config"] for r in here):
            cells = {(r["peer"], r["ranks"]): r for r in here if r["config"] == config}
            row = []
            for column in columns:
                r = cells.get(column, {})
                if "median" not in r:
                    row.append("failed" if "error" in r else "-")
                    continue
                row.append(f"{r['median']:.1f} ({r['best']:.1f})" + (f" **{r[ratio]:.2f}x**" if ratio in r else ""))
            burst = bursts.get(f"{config} {mode} {cores}", ["-", "-"])
            yield f"| {config} | " + " | ".join(row) + f" | {burst[0]}, {burst[1]} |"
    for r in records:
        if "error" in r:
            yield f"\nFAILED {r['config']} {r['mode']}, {r['peer']}, threads {r['threads']}, ranks {r['ranks']}: {r['error']}"


def save(path, found):
    with open(path + ".part", "w", encoding="utf-8") as f:
        json.dump(found, f, indent=1)
        f.write("\n")
    os.replace(path + ".part", path)


def options_of():
    def words(known):
        def read(text):
            found = text.split(",")
            unknown = [w for w in found if w not in known]
            if unknown:
                raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not among {', '.join(known)}")
            return found
        return read

    def numbers(text):
        return [int(v) for v in text.split(",")]

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configs", type=words(CONFIGS), default=list(CONFIGS))
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--ranks", type=numbers, default=[1, 2])
    parser.add_argument("--modes", type=words(["train", "infer"]), default=["train", "infer"])
    parser.add_argument("--peers", type=words(PEERS), default=list(PEERS))
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json")
    parser.add_argument("--build", default=os.path.join(ROOT, "build-peers", "pno"))
    parser.add_argument("--venv", default=os.path.join(ROOT, "build-peers", "venv"))
    return parser.parse_args()


def main():
    options = options_of()
    found = {"machine": machine.describe(ROOT), "reference": REFERENCE, "repeats": options.repeats, "bursts": {},
             "results": []}
    for config in options.configs:
        for mode in options.modes:
            for cores in sorted({t * r for t in options.threads for r in options.ranks}):
                cpus = machine.cpus(cores)
                group = list(contestants_of(options, config, mode, cores))
                if len(cpus) < cores or not group:
                    continue
                before = machine.burst(options.build, cpus)
                measure(group, options, cpus)
                found["bursts"][f"{config} {mode} {cores}"] = [before, machine.burst(options.build, cpus)]
                found["results"] += [c.record() for c in group]
                print(f"{config} {mode} {cores}: " + ", ".join(
                    f"{c.name} {statistics.median(c.ms):.1f}" if c.ms else f"{c.name} failed" for c in group),
                    file=sys.stderr, flush=True)
                if options.json:
                    save(options.json, found)
    print("; ".join(f"{k} {v}" for k, v in found["machine"].items()))
    print("\n".join(tables(found["results"], found["bursts"])))
    return any("error" in r for r in found["results"])


if __name__ == "__main__":
    sys.exit(main())
