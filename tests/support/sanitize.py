"""AddressSanitizer, LeakSanitizer and UBSan over the unit tests and a short run of the program.

usage: sanitize.py SOURCE BUILD     with PNO_LONG=1 also under mpirun, and the slow units

Builds a second tree in BUILD with -O1. Criterion stays green when a child leaks and mpirun swallows output, so every
report goes to a log file, and any log that is not empty fails the test.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

SUPPRESSIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lsan.supp")
# Long: sweeps, many files, or Python on the other side. They run in the full form.
# checkpoint_disk never: it does not end under AddressSanitizer (480 s and more).
SLOW = ("allocations", "interoperability", "oracle", "alloc_sweep", "dataset_write", "plot", "steady", "guard",
        "checkpoint_damage", "order")
CONFIG = """run: {name: small}
data: {path: d.h5, batch: 3, valid_samples: 2, test: [d.h5]}
pde: {grid: [9, 9], samples: 8}
model: {width: 6, modes: [4, 4], layers: 2}
train: {epochs: 2}
checkpoint: {at_start: true, every: 1}
"""
# gcc's shared libubsan beside libasan ignores log_path and writes to standard error, where Criterion and mpirun lose it.
STATIC_UBSAN = "-static-libubsan"
FAULTS = {  # a program that must be caught, and a word of the report
    "overflow": ("int main(int c, char **v) { (void)v; char *p = malloc(4); p[3 + c] = 1; int r = p[3 + c]; free(p); "
                 "return r - 1; }", "heap-buffer-overflow"),
    "leak": ("void *volatile p; int main(void) { p = malloc(40); p = 0; return 0; }", "LeakSanitizer"),
    "undefined": ("int main(int c, char **v) { (void)v; volatile int n = 2147483647; n = n + c; return n > 0; }",
                  "signed integer overflow"),
}


def environment(logs, leaks=True):
    env = dict(os.environ)
    env.pop("LD_PRELOAD", None)
    env["ASAN_OPTIONS"] = f"log_path={logs}/asan:detect_leaks={int(leaks)}:fast_unwind_on_malloc=0:exitcode=23"
    env["UBSAN_OPTIONS"] = f"log_path={logs}/ubsan:print_stacktrace=1"
    env["LSAN_OPTIONS"] = f"suppressions={SUPPRESSIONS}:print_suppressions=0"
    env["OMP_NUM_THREADS"] = "1"
    return env


def reports(logs):
    found = []
    for name in sorted(os.listdir(logs)):
        with open(os.path.join(logs, name), encoding="utf-8", errors="replace") as log:
            text = log.read().strip()
        if text:
            found.append(f"--- {name}\n{text[:6000]}")
    return found


def forget_tool_failures(logs):
    """LeakSanitizer's own tracer crashes now and then when threads of a library end beside it: no finding."""
    found = False
    for name in os.listdir(logs):
        path = os.path.join(logs, name)
        with open(path, encoding="utf-8", errors="replace") as log:
            if "LeakSanitizer has encountered a fatal error" in log.read():
                found = True
                os.remove(path)
    return found


TRIES = 4  # of a command at whose end the tracer crashes


def run(command, env, cwd, limit):
    """Status and output; standard input is empty, which mpirun would otherwise read."""
    try:
        done = subprocess.run(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", timeout=limit)
    except subprocess.TimeoutExpired:
        return 124, f"still running after {limit} s"
    return done.returncode, done.stdout


def known_faults_are_seen(work):
    """What is not caught here would not be caught below either."""
    bad = []
    for name, (text, word) in FAULTS.items():
        logs = os.path.join(work, "fault-" + name)
        os.mkdir(logs)
        source, exe = os.path.join(work, name + ".c"), os.path.join(work, name)
        with open(source, "w", encoding="ascii") as out:
            out.write("#include <stdlib.h>\n" + text + "\n")
        subprocess.run(["gcc", "-O1", "-g", "-fsanitize=address,undefined", STATIC_UBSAN, source, "-o", exe],
                       check=True)
        run([exe], environment(logs), work, 60)
        if not any(word in report for report in reports(logs)):
            bad.append(f"a known fault was not reported: {name}")
    return bad


def build(source, tree, targets):
    if not os.path.exists(os.path.join(tree, "build.ninja")):
        subprocess.run(["meson", "setup", tree, source, "-Db_sanitize=address,undefined", "-Db_lundef=false",
                        "-Ddebug=true", "-Doptimization=1", "-Dc_link_args=" + STATIC_UBSAN], check=True,
                       stdout=subprocess.DEVNULL, env={**os.environ, "CC": "gcc"})
    status, text = run(["ninja", "-C", tree, "-j2", *targets], dict(os.environ), tree, 900)
    if status:
        sys.exit("the sanitized tree does not build:\n" + text[-4000:])


def tests_of(tree, full):
    status, text = run(["meson", "introspect", "--tests", tree], dict(os.environ), tree, 120)
    if status:
        sys.exit("no list of tests:\n" + text)
    wanted = []
    for test in json.loads(text):
        suites = [suite.split(":")[-1] for suite in test["suite"]]
        if test["name"] == "io checkpoint_disk":
            continue
        if "unit" in suites and (full or not any(word in test["name"] for word in SLOW)):
            wanted.append(test)
        elif full and "mpi" in suites and test["name"].startswith("train") and test["name"].endswith(" on 2"):
            wanted.append(test)
    return wanted


def units(tree, logs, full):
    tests = tests_of(tree, full)
    root = os.path.realpath(tree) + os.sep
    build("", tree, sorted({os.path.relpath(part, tree) for test in tests for part in test["cmd"]
                            if os.path.realpath(part).startswith(root)}))
    status, text = run(["meson", "test", "-C", tree, "--no-rebuild", "--num-processes", "2", "--timeout-multiplier", "4",
                        *sorted({test["name"] for test in tests})], environment(logs), tree, 1500)
    return [] if status == 0 else ["units:\n" + text[-6000:]]


def program(tree, work, logs):
    pno, bad = os.path.join(tree, "launch", "pno"), []
    with open(os.path.join(work, "small.yaml"), "w", encoding="ascii") as out:
        out.write(CONFIG)
    env = environment(logs)
    env.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMPI_MCA_rmaps_base_oversubscribe="1",
               OMPI_MCA_hwloc_base_binding_policy="none")
    two = ["mpirun", "-n", "2"]
    for command in ([*two, pno, "gen", "small.yaml"], [*two, pno, "train", "small.yaml", "train.steps=3", "train.epochs=1"],
                    [*two, pno, "train", "small.yaml"],
                    [*two, pno, "train", "--resume", "--run", "runs/small", "train.epochs=3"],
                    [*two, pno, "eval", "runs/small"], [*two, pno, "predict", "runs/small"], [pno, "check", "runs/small"],
                    [pno, "info", "d.h5"], [pno, "config", "dump", "small.yaml"], [pno, "check", "missing.yaml"],
                    [*two, pno, "train", "missing.yaml"]):
        refused = command[-1] == "missing.yaml" or "train.steps=3" in command
        status, text = run(command, env, work, 120)
        for _ in range(TRIES - 1):
            if status == 23 and forget_tool_failures(logs):
                status, text = run(command, env, work, 120)
        if (status != 0) != refused or status == 23:
            bad.append(f"{' '.join(command)}: exit {status}\n{text[-2000:]}")
    return bad


def main(source, tree):
    full = os.environ.get("PNO_LONG") == "1"
    bad = []
    with tempfile.TemporaryDirectory(prefix="pno-sanitize-") as work:
        logs = os.path.join(work, "logs")
        os.mkdir(logs)
        bad += known_faults_are_seen(work)
        build(source, tree, ["launch/pno"])
        bad += program(tree, work, logs)
        bad += units(tree, logs, full)
        found = reports(logs)
        kept = os.path.join(tree, "sanitizer-logs")
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(logs, kept)
    print("\n".join(bad + found))
    print(f"{len(found)} reports in the logs, {len(bad)} failures")
    return 1 if bad or found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
