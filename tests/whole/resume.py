"""A run that was interrupted and resumed is the run that was not: same bits on as many ranks, same losses on others."""
import os
import signal
import time

import numpy as np

from whole import (LONG, Job, SMALL, check, checkpoint, generate, journal, losses, main, pno, pointed, resume,
                   same_journal, same_state, steps_of, timeless, train, wait_steps)

INTERRUPTED = 75
# A rate so high that validation gets worse now and then: the plateau factor falls and early stopping counts.
PLATEAU = ("train.schedule=plateau", "train.patience=0", "train.lr=0.05", "train.warmup=3", "data.valid_samples=4",
           "data.batch=5", "eval.every=1")


def continued(ranks, data, name, cuts, last, *words):
    """A run that ends at each of the cuts and is resumed after it."""
    train(ranks, name, data, *words, f"train.steps={cuts[0]}")
    for steps in [*cuts[1:], last]:
        resume(ranks, name, f"train.steps={steps}")


def cut_run_is_the_uncut_one():
    generate("d.h5", 16)  # 12 to train on: epochs of 3 steps, the last one short
    train(2, "whole", "d.h5", *PLATEAU, "train.steps=21")
    check(checkpoint("whole")[1]["sched/factor"] < 1, "the plateau schedule never acted: this test shows nothing")
    continued(2, "d.h5", "cut", [3, 6, 15], 21, *PLATEAU)  # the end of a run validates
    same_journal("whole", "cut", "cut at 3, 6, 15:")
    same_state("whole", "cut", "cut at 3, 6, 15:")
    for flavour, balance in (("li", "round_robin"), ("neuralop", "round_robin"))[:2 if LONG else 1]:
        words = [f"model.flavour={flavour}", f"parallel.balance={balance}", "train.optimizer=adam", "train.clip=0.05"]
        train(2, "whole-" + flavour, "d.h5", *words, "train.steps=5")
        continued(2, "d.h5", "cut-" + flavour, [2], 5, *words)
        same_journal("whole-" + flavour, "cut-" + flavour, flavour)
        same_state("whole-" + flavour, "cut-" + flavour, flavour)


def early_stop_counts_across_a_cut():
    generate("d.h5", 16)
    words = [*PLATEAU, "train.early_stop=3"]
    train(2, "whole", "d.h5", *words, "train.steps=300")
    end = pointed("whole")
    check(end < 300, "early stopping never acted: this test shows nothing")
    check(checkpoint("whole")[1]["sched/since_best"] == 3, "not three validations without improvement")
    continued(2, "d.h5", "cut", [end - 6, end - 3], 300, *words)  # in the middle of the count
    same_journal("whole", "cut", "early stop:")
    same_state("whole", "cut", "early stop:")
    resume(2, "whole", "train.steps=300")
    check(pointed("whole") == end, "a run that stopped early trains on when it is resumed")


def older_step_is_taken_up_again():
    generate("d.h5", 16)
    train(2, "r", "d.h5", *PLATEAU, "train.steps=12", "checkpoint.every=2")
    first, lines = checkpoint("r"), timeless("r") + timeless("r", "valid")
    resume(2, "r", step=4)  # in the middle of an epoch
    check(timeless("r") + timeless("r", "valid") == lines, "the journal differs after going back to step 4")
    check(all(np.array_equal(a, checkpoint("r")[0][n]) for n, a in first[0].items() if not n.startswith("balance")),
          "the weights differ after going back to step 4")
    pno(0, "check", "r")


def going_back_survives_a_kill():
    generate("d.h5", 16)
    train(2, "r", "d.h5", *PLATEAU, "train.steps=12", "checkpoint.every=2")
    want, lines = checkpoint("r"), timeless("r")
    job = Job(2, "train", "--run", "r", "--resume=4", "train.steps=4000", "checkpoint.every=0",
              "checkpoint.keep_best=false")
    while job.process.poll() is None and not ("from step 4" in job.text() and len(journal("r")) not in (4, 12)):
        time.sleep(0.01)
    for pid in job.ranks():
        os.kill(pid, signal.SIGKILL)
    job.end()
    check(pointed("r") == 4, "LATEST names step", pointed("r"), "after going back to step 4")
    with open("r/config.yaml", encoding="utf-8") as saved:
        check("steps: 4000" in saved.read(), "the configuration of the resumption is not in the run")
    resume(2, "r", "train.steps=12", "checkpoint.every=2", "checkpoint.keep_best=true")
    check(timeless("r") == lines, "the journal differs after a kill on the way back")
    check(all(np.array_equal(a, checkpoint("r")[0][n]) for n, a in want[0].items() if not n.startswith("balance")),
          "the weights differ after a kill on the way back")
    pno(0, "check", "r")


def other_rank_counts_go_on():
    generate("d.h5", 16)
    words = ["data.batch=5", "train.loss=h1"]
    train(1, "whole", "d.h5", *words, "train.steps=12")
    want = losses("whole")
    for before, after in ((1, 2), (2, 4), (4, 1)):
        name = f"{before}-{after}"
        train(before, name, "d.h5", *words, "train.steps=6")
        resume(after, name, "train.steps=12")
        got = losses(name)
        check(len(got) == 12, name, "has", len(got), "steps")
        worst = np.max(np.abs(got - want) / want)
        check(worst <= 1e-5, name, "losses differ by", worst)


def interrupt(how, run, *words, steps, grace=1, codes=(INTERRUPTED,)):
    """Starts a run of so many steps and interrupts it on its way; returns where it stopped."""
    job = Job(2, "train", "--run", run, "data.path=d.h5", *SMALL, *words, f"train.steps={steps}", grace=grace)
    wait_steps(job, run, 10)
    how(job, run)
    code = job.end()
    check(code in codes and "[exit 75]" in job.text(), run, "ended with", code, "\n", job.text())
    stopped = len(journal(run))
    check(10 <= stopped < steps, run, "stopped at step", stopped)
    check(pointed(run) == stopped, run, "stopped at step", stopped, "but the last checkpoint is", pointed(run))
    pno(0, "check", run)
    return stopped


def interruptions_lose_nothing():
    """Interrupted at some step and resumed for 20 more: the uncut run of as many steps."""
    generate("d.h5", 16)
    words = ["data.batch=4", "train.schedule=step", "train.step_size=7"]
    ways = {"ctl": lambda job, run: pno(0, "ctl", run, "stop"), "usr1": lambda job, run: job.send(signal.SIGUSR1)}
    for name, how in ways.items():
        steps = interrupt(how, name, *words, steps=1000000) + 20
        resume(2, name, f"train.steps={steps}")
        train(2, "whole-" + name, "d.h5", *words, f"train.steps={steps}")
        same_journal("whole-" + name, name, name)
        same_state("whole-" + name, name, name)


def terminations_leave_a_checkpoint():
    """mpirun passes SIGTERM and SIGINT on after the grace and kills after another; one rank may be told directly.

    The ranks end with 75. mpirun's own exit code is 1 when it was told to end: measured with Open MPI 4.1.4.
    """
    generate("d.h5", 16)
    ways = {"term": lambda job, run: job.send(signal.SIGTERM), "int": lambda job, run: job.send(signal.SIGINT),
            "one-rank": lambda job, run: os.kill(job.ranks()[-1], signal.SIGTERM)}
    for name, how in ways.items():
        stopped = interrupt(how, name, "data.batch=4", steps=1000000,
                            **({} if name == "one-rank" else {"grace": 2, "codes": (1, INTERRUPTED)}))
        resume(2, name, f"train.steps={stopped + 5}")
        check([row["step"] for row in journal(name)] == list(range(1, stopped + 6)), name, "steps of the journal")


def usr2_checkpoints_and_goes_on():
    generate("d.h5", 16)
    job = Job(2, "train", "--run", "r", "data.path=d.h5", *SMALL, "train.steps=1000000")
    for seen, ask in ((10, lambda: job.send(signal.SIGUSR2)), (200, lambda: pno(0, "ctl", "r", "checkpoint"))):
        wait_steps(job, "r", seen)
        before = len(steps_of("r"))
        ask()
        wait_steps(job, "r", len(journal("r")) + 50)
        check(len(steps_of("r")) == before + 1, "checkpoints:", steps_of("r"), "\n", job.text())
    job.send(signal.SIGUSR1)
    check(job.end() == INTERRUPTED, job.text())
    check(len(steps_of("r")) == 3, "checkpoints:", steps_of("r"))
    pno(0, "check", "r")


def max_time_stops_in_time():
    generate("d.h5", 16)
    train(2, "r", "d.h5", "--max-time", "0:03", "train.steps=1000000", code=INTERRUPTED)
    stopped = pointed("r")
    check(stopped == len(journal("r")) > 0, "stopped at", stopped, "of", len(journal("r")))
    resume(2, "r", f"train.steps={stopped + 5}")
    check([row["step"] for row in journal("r")] == list(range(1, stopped + 6)), "steps of the journal")


if __name__ == "__main__":
    main(cut_run_is_the_uncut_one, early_stop_counts_across_a_cut, older_step_is_taken_up_again,
         going_back_survives_a_kill,
         other_rank_counts_go_on, interruptions_lose_nothing, terminations_leave_a_checkpoint,
         usr2_checkpoints_and_goes_on, max_time_stops_in_time)
