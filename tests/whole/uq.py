"""Operators that say how sure they are: every method by the same commands, the same numbers on any ranks and across a
cut, bands that belong to one step, ensembles of runs, files that others read."""
import glob
import json
import os
import shutil
import signal
import xml.etree.ElementTree as xml

import h5py
import numpy as np
import xarray

from whole import (LONG, SMALL, Job, check, checkpoint, generate, journal, losses, main, pno, pointed, resume,
                   same_state, steps_of, timeless, train, wait_steps)

METHODS = ("none", "pno_d", "pno_r", "mcdropout", "laplace", "ensemble")
MEMBERS = 2
LEVELS = ("0.5", "0.9", "0.95")
# 10 samples to train on, epochs of 2 steps; 10 for the bands: enough for 90 %, too few for 95 %
WORDS = ("model.layers=2", "data.batch=5", "data.valid_samples=10", "uq.samples=4", f"uq.ensemble={MEMBERS}")
ONCE = ("train.steps=4", "eval.every=0")  # one validation, one checkpoint
ENDLESS = 1000000
SLOW = ("model.width=48", "model.modes=8,8")  # steps that take a while: few are made until a wish to stop arrives


def uq_train(ranks, run, method, *words, **options):
    return train(ranks, run, "d.h5", *WORDS, f"uq.method={method}", *words, **options)


def operators(run):
    """The runs that hold weights: the members of an ensemble, or the run itself."""
    return sorted(glob.glob(f"{run}/member-*")) or [run]


def scores(run, ranks=0, *words):
    """What eval writes as JSON, without the time it took."""
    for old in glob.glob(f"{run}/eval/*"):
        os.remove(old)
    pno(ranks, "eval", run, *words)
    with open(glob.glob(f"{run}/eval/scores-step-*.json")[0], encoding="utf-8") as text:
        found = json.load(text)
    for one in found["sets"]:
        check(one.pop("seconds") > 0, run, "took no time")
    return found


def fields(run, ranks=0, *words):
    """Variables of the predictions."""
    pno(ranks, "predict", run, "-o", "p.h5", "--members", "4", *words)
    with h5py.File("p.h5", "r") as file:
        return {name: node[()] for name, node in file.items()}


def same_fitted(one, other, where):
    (arrays, scalars), (arrays2, scalars2) = checkpoint(one, folder="uq"), checkpoint(other, folder="uq")
    check(arrays.keys() == arrays2.keys() and scalars.keys() == scalars2.keys(), where, "something else was fitted")
    check(scalars["bands/levels"] == len(LEVELS), where, "bands of", scalars["bands/levels"], "levels")
    for name, a in arrays.items():
        check(a.tobytes() == arrays2[name].tobytes(), where, name, "has other bits")
    for name, value in scalars.items():
        check(np.array_equal(value, scalars2[name]), where, name, value, "against", scalars2[name])
    return arrays


# ---- any number of ranks, any cut ----

def ranks_agree(method):
    """Losses of trainings on 1, 2, 3 ranks; everything that is made of one training has the same bits on 1, 2, 3."""
    for ranks in (0, 2, 3):
        uq_train(ranks, f"on-{ranks or 1}", method, "train.steps=6")
    for ranks in (2, 3):
        for one, other in zip(operators("on-1"), operators(f"on-{ranks}")):
            worst = np.max(np.abs(losses(one) - losses(other)) / np.abs(losses(one)))
            check(len(losses(other)) == 6 and worst <= 1e-6, method, "losses on", ranks, "ranks differ by", worst)
    want, drawn = scores("on-1"), fields("on-1")
    check(want["method"] == method and want["sets"][0]["samples"] == 10, method, want)
    check(want["sets"][0]["draws"] == {"none": 1, "ensemble": MEMBERS}.get(method, 4), method, "draws")
    for ranks in (2, 3) if LONG or method in ("pno_r", "laplace") else (3,):
        got = scores("on-1", ranks)
        check(got == want, method, "scores on", ranks, "ranks:", got, "against", want)
        for name, values in fields("on-1", ranks).items():
            check(values.tobytes() == drawn[name].tobytes(), method, name, "has other bits on", ranks, "ranks")
        shutil.copytree("on-1", f"again-{ranks}")
        shutil.rmtree(f"again-{ranks}/uq")
        resume(ranks, f"again-{ranks}")  # nothing is left to train
        arrays = same_fitted("on-1", f"again-{ranks}", f"{method} fitted on {ranks} ranks:")
        check(len(arrays) == (3 if method == "laplace" else 0), method, "fitted", list(arrays))
    return want["sets"][0]


def cuts_are_not_seen(method):
    """Stopped after 3 of 6 steps, in the middle of an epoch, and resumed on as many ranks."""
    uq_train(2, "cut", method, "train.steps=3")
    resume(2, "cut", "train.steps=6")
    for one, other in zip(operators("on-2"), operators("cut")):
        check(timeless(one) == timeless(other), method, "other losses across a cut")
        same_state(one, other, method)
    same_fitted("on-2", "cut", f"{method} across a cut:")


def parts_make_sense(method, found):
    """Variances are told apart where the method tells them; the spread of models is the whole spread."""
    spread = None if method == "none" else found["spread"] ** 2
    if method in ("mcdropout", "ensemble", "laplace"):
        check(abs(found["epistemic"] - spread) <= 1e-5 * spread, method, found["epistemic"], "against", spread)
    if method in ("pno_r", "laplace"):
        check(found["aleatoric"] > 0, method, "aleatoric", found["aleatoric"])


def one_method(method):
    def case():
        generate("d.h5", 20)
        found = ranks_agree(method)
        parts_make_sense(method, found)
        cuts_are_not_seen(method)
    case.__name__ = method + "_is_one_on_any_ranks_and_across_a_cut"
    return case


# ---- ensembles ----

def members_are_the_runs_of_their_seeds():
    """Bit by bit on one rank each; with fewer members than ranks some have several ranks."""
    generate("d.h5", 20)
    for seed in (5, 6, 7):
        uq_train(0, f"seed-{seed}", "none", "uq.calibrate=none", *ONCE, f"run.seed={seed}")
    for ranks, members in ((1, 3), (2, 3), (3, 2)):
        name = f"{members}-on-{ranks}"
        uq_train(ranks, name, "ensemble", *ONCE, "run.seed=5", f"uq.ensemble={members}")
        check(len(operators(name)) == members, name, operators(name))
        for i, member in enumerate(operators(name)):
            if (ranks, i) == (3, 0):  # ranks 0 and 1
                off = np.max(np.abs(losses(member) / losses(f"seed-{5 + i}") - 1))
                check(off <= 1e-6, name, "losses differ by", off)
            else:
                same_state(f"seed-{5 + i}", member, f"{name}, member {i}:")


def stopped(name, how, ranks, *words):
    """An endless ensemble is stopped on its way and goes on for a few steps, without a CONFIG."""
    job = Job(ranks, "train", "--run", name, *words, f"train.steps={ENDLESS}", "eval.every=0")
    wait_steps(job, f"{name}/member-00", 10)
    how(job, name)
    code = job.end()
    check(code == 75 and "[exit 75]" in job.text(), name, "ended with", code, "\n", job.text())
    check(not os.path.exists(f"{name}/uq"), name, "was fitted before its end")
    begun = operators(name)
    check(len(begun) == ranks, name, "has begun", begun)
    status = pno(0, "ctl", name, "status")
    check(status.count("\ncheckpoint  step-") == ranks and "none" not in status, "ctl status of an ensemble\n", status)
    last = max(len(journal(member)) for member in begun) + 4
    check(last < ENDLESS, name, "was not stopped")
    resume(ranks, name, f"train.steps={last}")
    check([steps_of(m)[-1] for m in operators(name)] == [last] * 3, name, [steps_of(m) for m in operators(name)])
    for i in (0, 2):  # one that was stopped, one that had not begun
        train(0, f"{name}-{i}", "d.h5", *WORDS, *SLOW, "uq.calibrate=none", f"run.seed={i}", f"train.steps={last}",
              "eval.every=0", "parallel.threads=1")
        same_state(f"{name}-{i}", f"{name}/member-0{i}", f"{name}, member {i}:")
    check(scores(name)["sets"][0]["draws"] == 3, name, "draws")


def a_stopped_ensemble_goes_on():
    generate("d.h5", 20)
    words = ["data.path=d.h5", *SMALL, *WORDS[:-1], *SLOW]
    stopped("usr1", lambda job, run: job.send(signal.SIGUSR1), 2, *words, "uq.method=ensemble", "uq.ensemble=3")
    with open("e.yaml", "w", encoding="utf-8") as text:
        text.write("uq: {method: ensemble, ensemble: 3}\n")
    stopped("ctl", lambda job, run: pno(0, "ctl", run, "stop"), 2, "e.yaml", *words)


def the_time_of_an_ensemble_is_that_of_all_members():
    """So many members that they cannot all be trained in this time."""
    generate("d.h5", 20)
    text = uq_train(0, "r", "ensemble", "uq.ensemble=300", *ONCE, "--max-time", "0:02", code=75)
    check("[exit 75]" in text and 1 <= len(operators("r")) < 300, len(operators("r")), "members\n", text)
    for member in operators("r"):
        pno(0, "check", member)


# ---- bands ----

def bands_hold_for_their_step():
    generate("d.h5", 20)
    text = uq_train(0, "r", "pno_d", *ONCE, "checkpoint.every=2")
    check(text.count("too few validation samples") == 1, "which level has too few samples?\n", text)
    found = scores("r")["sets"][0]
    for level in LEVELS:
        check(float(level) <= found["band_coverage"][level] <= 1, level, found["band_coverage"])
        check(float(level) <= found["field_coverage"][level] <= 1, level, found["field_coverage"])
    check(0 < found["band_width"]["0.5"] < found["band_width"]["0.9"], found["band_width"])
    check(found["band_width"]["0.95"] is None and found["field_width"]["0.95"] is None, found)
    check(np.all(np.isinf(fields("r")["band_upper_95"])), "a band without a bound is narrow")
    check(pointed("r", folder="uq") == pointed("r", "BEST"), "fitted to", pointed("r", folder="uq"))
    other = min(set(steps_of("r")) - {pointed("r", "BEST")})
    # other weights, not asked for, other draws
    for words in (["--step", str(other)], ["uq.calibrate=none"], ["uq.dropout=0.5"]):
        found = scores("r", 0, *words)["sets"][0]
        check(set(found["band_coverage"].values()) == {None}, words, found["band_coverage"])
        names = fields("r", 0, *words)
        check("lower_90" in names and "band_lower_90" not in names, words, sorted(names))
    uq_train(0, "q", "pno_d", *ONCE, "uq.calibrate=none")
    check(not os.path.exists("q/uq"), "uq.calibrate=none fits something")


def bands_of_an_ensemble_belong_to_a_step_of_each_member():
    generate("d.h5", 20)
    uq_train(0, "r", "ensemble", *ONCE, "checkpoint.every=2")
    check(None not in scores("r")["sets"][0]["band_coverage"].values(), "the bands are not used")
    check(pointed("r/member-01", "BEST") == 4, "the last one is not the best")
    with open("r/member-01/checkpoints/BEST", "w", encoding="utf-8") as text:
        text.write("step-00000002\n")
    check(set(scores("r")["sets"][0]["band_coverage"].values()) == {None}, "bands of other weights are used")


# ---- files ----

def fields_are_those_of_their_draws(method):
    found = fields("r")
    draws, mean, std = found["draw"], found["prediction"], found["std"]
    check(draws.shape[:2] == (4, MEMBERS if method == "ensemble" else 4), method, draws.shape)
    size = np.max(np.abs(draws))
    close = lambda a, b: np.allclose(a, b, rtol=2e-5, atol=1e-6 * size)
    check(close(mean, draws.mean(1)), method, "the prediction is not the mean")
    check(close(std, draws.astype(float).std(1, ddof=1)), method, "std is not that of the draws")
    check(np.min(np.max(np.abs(np.diff(draws, axis=1)), axis=(1, 2, 3, 4))) > 0, method, "all draws of a sample are one")
    for i, level in enumerate(LEVELS):
        name, p = f"{100 * float(level):g}", float(level)
        for side, at in (("lower", (1 - p) / 2), ("upper", (1 + p) / 2)):
            check(close(found[f"{side}_{name}"], np.quantile(draws, at, axis=1)), method, side, name)
        factor = checkpoint("r", folder="uq")[1][f"bands/point{i}"]
        for side, sign in (("lower", -1), ("upper", 1)):
            band = mean + sign * factor * np.maximum(std, 1e-6)
            check(close(found[f"band_{side}_{name}"], band), method, "band", side, name)
    l2 = lambda a: np.sqrt(np.sum(a.astype(float) ** 2, axis=(1, 2, 3)))
    check(np.allclose(found["rel_l2"], l2(mean - found["truth"]) / l2(found["truth"]), rtol=1e-5), method, "rel_l2")


def eval_file_says_what_the_json_says(method):
    want = scores("r")["sets"][0]
    for engine in ("h5netcdf", "netcdf4"):
        with xarray.open_dataset("r/eval/eval.h5", engine=engine) as ds:
            check(ds.attrs["format"] == "pno-scores" and ds.attrs["method"] == method, engine, ds.attrs)
            check(np.allclose(ds["level"], [float(level) for level in LEVELS]), engine, ds["level"])
            seen = 0
            for name, value in want.items():
                if name in ("data", "grid", "samples", "draws"):
                    continue
                value = list(value.values()) if isinstance(value, dict) else value
                value = np.array(value, dtype=float)  # null: not a number
                got = np.where(np.isfinite(ds[name].values[0]), ds[name].values[0], np.nan)
                check(np.array_equal(got, value, equal_nan=True), engine, name, got, "against", value)
                seen += 1
            check(seen >= 25, engine, "only", seen, "scores")


def files_open_elsewhere():
    generate("d.h5", 20)
    for method in METHODS[1:] if LONG else ("pno_r",):
        shutil.rmtree("r", ignore_errors=True)
        uq_train(0, "r", method, *ONCE)
        fields_are_those_of_their_draws(method)
        eval_file_says_what_the_json_says(method)
        root = xml.parse("r/eval/reliability.svg").getroot()
        check(root.tag.endswith("svg") and len(list(root.iter())) > 20, "a picture of", len(list(root.iter())), "things")
        for i in range(4):
            with open(f"p-{i:04d}.png", "rb") as picture:
                check(picture.read(8) == b"\x89PNG\r\n\x1a\n", "no picture", i)


# ---- mistakes ----

def refused(code, parts, *words):
    """One message with its parts and what to do."""
    text = pno(0, *words, code=code)
    lines = text.splitlines()
    first = [i for i, line in enumerate(lines) if line.startswith("pno: error:")]
    check(len(first) == 1, words, "not one message\n", text)
    message = lines[first[0]:first[0] + 2]
    check(message[1].endswith(f"[exit {code}]"), words, text)
    check(message[1].replace(f"[exit {code}]", "").strip() or code != 2, words, "nothing says what to do\n", text)
    for part in parts:
        check(part in "\n".join(message), words, "does not say", part, "\n", text)


def methods_that_cannot_be_trained_are_refused():
    generate("d.h5", 20)
    for parts, words in ((("train.loss", "l2", "energy"), ("uq.method=pno_d", "train.loss=l2")),
                         (("train.loss", "energy", "pno_d"), ("uq.method=none", "train.loss=energy")),
                         (("uq.method", "uq.dropout"), ("uq.method=pno_d", "uq.dropout=0")),
                         (("uq.method", "uq.dropout"), ("uq.method=mcdropout", "uq.dropout=0")),
                         (("uq.draws", "2"), ("uq.method=pno_d", "uq.draws=1")),
                         (("uq.draws", "2"), ("uq.method=pno_r", "uq.draws=1", "train.loss=nll")),
                         (("uq.levels", "0.5", "rise"), ("uq.levels=.9,.5",)),
                         (("uq.dropout", "-0.1"), ("uq.method=pno_d", "uq.dropout=-0.1")),
                         (("uq.levels", "at most 8"), ("uq.levels=.1,.2,.3,.4,.5,.6,.7,.8,.9",))):
        refused(2, parts, "train", "--run", "r", "data.path=d.h5", *SMALL, *WORDS, *words)
        check(not os.path.exists("r"), words, "leaves a run behind")


def flip(path):
    with open(path, "r+b") as file:
        file.seek(-64, os.SEEK_END)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


def what_is_missing_or_damaged_is_named():
    generate("d.h5", 20)
    uq_train(0, "l", "laplace", *ONCE, "checkpoint.every=2")
    other = min(set(steps_of("l")) - {pointed("l", "BEST")})
    refused(3, ("no posterior", f"step {other}", "choose"), "eval", "l", "--step", str(other))
    refused(3, ("no posterior", f"step {other}", "choose"), "predict", "l", "--step", str(other))
    pno(0, "check", "l")
    flip(glob.glob("l/uq/step-*/*.h5")[0])
    refused(3, ("l/uq", "digest"), "eval", "l")
    pno(0, "check", "l", code=3)
    shutil.rmtree("l/uq")
    refused(3, ("no posterior",), "eval", "l")
    uq_train(0, "e", "ensemble", *ONCE)
    check(pno(0, "check", "e").count("LATEST") == MEMBERS + 1, "not all members are checked")
    flip(glob.glob("e/member-01/checkpoints/step-*/*.h5")[0])
    pno(0, "check", "e", code=3)
    shutil.rmtree("e/member-01")
    for command in ("eval", "predict"):
        refused(4, ("e/member-01",), command, "e")


if __name__ == "__main__":
    main(*map(one_method, METHODS), members_are_the_runs_of_their_seeds, a_stopped_ensemble_goes_on,
         the_time_of_an_ensemble_is_that_of_all_members, bands_hold_for_their_step,
         bands_of_an_ensemble_belong_to_a_step_of_each_member, files_open_elsewhere,
         methods_that_cannot_be_trained_are_refused, what_is_missing_or_damaged_is_named)
