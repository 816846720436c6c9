"""Times pno's solvers of PDEs and those of its peers, a turn of each after the other, and how far each is from a finer
solution. README.md says how it is kept fair. Needs numpy: run it with the virtual environment's Python.

    run_gen.py [--cases ns,ks,darcy,recipes,ranks] [--repeats 5] [--rank-repeats 3] [--json FILE]
               [--build build-peers/pno] [--venv build-peers/venv]

Prints Markdown: what was asked for, what was measured, the ratio; --json: writes it beside FILE too, in which cases of
earlier calls stay.
The cases ns_long_numpy and ns_long_torch take Li et al.'s scheme through all its 50,000 steps, 3 minutes each. Exit 1:
a peer failed, or a target was missed."""
import argparse
import json
import os
import sys
import tempfile

import machine
import run
from child import Failed
from gen_cases import CASES, LONG
from gen_turns import Case

ALL = {**CASES, **LONG}


def figure(v):
    return "-" if v is None else f"{v:,.0f}" if v >= 1000 else f"{v:.3g}"


def tables(found):
    """Markdown: the targets, then each case."""
    cases = {n: found["cases"][n] for n in ALL if n in found["cases"]}
    yield "; ".join(f"{k} {v}" for k, v in found["machine"].items()) + "\n"
    yield "| beside | pno ms | peer ms | ratio | wanted | error of pno | allowed, or of the peer |"
    yield "|---" * 7 + "|"
    for t in (t for c in cases.values() for t in c["targets"]):
        words = [t["what"], figure(t["pno_ms"]), figure(t["peer_ms"]), f"{t['ratio']:.3g}" + " MISSED" * (not t["met"]),
                 f"{t['wanted']:g}", figure(t["pno_error"]), figure(t["peer_error"])]
        yield "| " + " | ".join(words) + " |"
    for name, c in cases.items():
        yield f"\n{name}, {c['date']}, revision {c['revision']}"
        yield from (row(name, r) for r in c["results"])
        for what, values in (("relative L2", "errors"), ("seconds of a whole solution", "seconds_measured"),
                             ("an evaluation", "transforms"), ("steps", "steps")):
            if values in c:
                yield f"- {what}: " + "; ".join(f"{k} {v:.3g}" for k, v in c[values].items())
        if "burst" in c:
            yield "- FMA GFLOP/s before and after: {}, {}".format(*c["burst"])


def row(name, r):
    if "error" in r:
        return f"- FAILED {name}, {r['peer']}: {r['error']}"
    if "peer" in r:
        return f"- {r['peer']}: {figure(r['median'])} ms (best {figure(r['best'])})"
    if "recipe" in r:
        grid, failed = " x ".join(map(str, r["grid"])), f", FAILED: {r['failed']}" if r["failed"] else ""
        return f"- {r['equation']} {r['recipe']}, {grid}, solver x {r['refine']:g}, t = {r['time']:g}: " \
               f"{figure(r['median_ms'])} ms a sample{failed}"
    best_of = {n: min(wall for wall, _ in taken) for n, taken in r["seconds of the command and of gen"].items()}
    return f"- {r['equation']}: best " + ", ".join(f"{s:.2f} s on {n}" for n, s in best_of.items())


def options_of():
    def words(text):
        found = text.split(",")
        unknown = [w for w in found if w not in ALL]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not among {', '.join(ALL)}")
        return found

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=words, default=list(CASES))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rank-repeats", type=int, default=3)
    parser.add_argument("--json")
    parser.add_argument("--build", default=os.path.join(run.ROOT, "build-peers", "pno"))
    parser.add_argument("--venv", default=os.path.join(run.ROOT, "build-peers", "venv"))
    return parser.parse_args()


def attempt(name, case):
    try:
        return ALL[name](case)
    except (Failed, OSError) as e:
        return {"results": [{"peer": name, "error": str(e)}], "targets": []}


def main():
    options = options_of()
    found = {"cases": {}}
    if options.json and os.path.exists(options.json):
        with open(options.json, encoding="utf-8") as f:
            found = json.load(f)
    found["machine"] = machine.describe(run.ROOT)
    with tempfile.TemporaryDirectory() as folder:
        for name in options.cases:
            found["cases"][name] = {**attempt(name, Case(options, folder)), "date": found["machine"]["date"],
                                    "revision": found["machine"]["revision"], "repeats": options.repeats}
            print(name, "done", file=sys.stderr, flush=True)
            if options.json:
                run.save(options.json, found)
    text = "\n".join(tables(found)) + "\n"
    print(text)
    if options.json:
        with open(os.path.splitext(options.json)[0] + ".md", "w", encoding="utf-8") as f:
            f.write(text)
    return any("error" in r for c in found["cases"].values() for r in c["results"]) or \
        not all(t["met"] for c in found["cases"].values() for t in c["targets"])


if __name__ == "__main__":
    sys.exit(main())
