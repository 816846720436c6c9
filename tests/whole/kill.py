"""kill -9 at any moment: no torn checkpoint under a committed name, none lost that was announced, the run goes on."""
import os
import random
import re
import signal
import subprocess
import time

from whole import (LONG, Job, SMALL, check, generate, journal, main, pno, resume, same_journal, same_state, steps_of,
                   train)

KILLS = 40 if LONG else 5


def announced(text):
    """Newest step whose checkpoint rank 0 reported; a line may be cut by the kill."""
    return max((int(step) for step in re.findall(r"^ckpt   step (\d+) -> .* ms\)", text, re.M)), default=0)


def wait_announced(job, steps):
    limit = time.monotonic() + 60
    while job.text().count("ckpt   step") < steps:
        check(job.process.poll() is None and time.monotonic() < limit, "no checkpoints\n", job.text())
        time.sleep(0.01)


def kill_one(job, luck):
    """A rank or mpirun, somewhere in the next few checkpoints."""
    wait_announced(job, 1 + luck.randrange(4))
    time.sleep(luck.uniform(0, 0.1))
    victims = [*job.ranks(), job.process.pid]
    os.kill(luck.choice(victims), signal.SIGKILL)
    check(job.end(60) not in (0, 75), "a killed job ended well\n", job.text())


def checkpoints_survive():
    seed = int(os.environ.get("PNO_KILL_SEED", time.time_ns() % 1000000))
    print("      PNO_KILL_SEED =", seed, flush=True)
    luck = random.Random(seed)
    words = ["data.batch=5", "checkpoint.keep=2", "eval.every=2"]
    generate("d.h5", 16)
    job = Job(2, "train", "--run", "r", "data.path=d.h5", *SMALL, *words, "checkpoint.every=1", "train.steps=100000")
    for kill in range(KILLS):
        kill_one(job, luck)
        said = announced(job.text())
        verdict = pno(0, "check", "r")
        good = steps_of("r")
        check("BAD" not in verdict and good, verdict)
        check(good[-1] >= said, "step", said, "was announced, the newest is", good[-1])
        check(said > 0, "nothing was announced before kill", kill)
        if kill + 1 < KILLS:
            job = Job(2, "train", "--run", "r", "--resume")
    end = good[-1] + 5
    resume(2, "r", f"train.steps={end}")
    check([row["step"] for row in journal("r")] == list(range(1, end + 1)), "each step once in the journal")
    train(2, "whole", "d.h5", *words, f"train.steps={end}")
    same_journal("whole", "r", "killed run:")
    same_state("whole", "r", "killed run:")
    left = [n for n in os.listdir("r/checkpoints") if n.endswith(".tmp")]
    check(not left, "rubbish is left behind:", left)


def spooled(path):
    """Bytes in the spools of a data set that is being made."""
    try:
        return sum(entry.stat().st_size for entry in os.scandir(path + ".spool"))
    except FileNotFoundError:
        return 0


# Words and bytes of a sample.
DATA = ((["pde.grid=65,65"], 65 * 65 * 4 * 2, (0, 1, None)),
        (["pde.kind=kuramoto_sivashinsky", "pde.grid=128", "pde.time=150", "pde.frames=151"], 128 * 151 * 4, (1, None)))


def gen_goes_on():
    luck = random.Random()
    for words, size, victims in DATA:
        words = [*words, "pde.samples=60"]
        want = re.search(r"content (\S+)", pno(2, "gen", "data.path=whole.h5", *words)).group(1)
        for rank in victims:
            gen_goes_on_without(rank, words, size * luck.randrange(5, 20), want)
        os.remove("whole.h5")


def gen_goes_on_without(rank, words, least, want):
    path = "cut.h5"
    job = Job(2, "gen", f"data.path={path}", *words)
    limit = time.monotonic() + 60
    while spooled(path) < least:
        check(job.process.poll() is None and time.monotonic() < limit, "made before it was killed\n", job.text())
        time.sleep(0.002)
    os.kill(job.process.pid if rank is None else job.ranks()[rank], signal.SIGKILL)
    job.end(60)
    if rank is None and os.path.exists(path):  # ranks that outlive mpirun may finish: then the file is whole
        check(want.split(":")[1] in pno(0, "check", path), "the digest of what was finished is not", want)
    else:
        check(not os.path.exists(path), path, "is there although gen was killed")
        text = pno(3, "gen", f"data.path={path}", *words)
        made, found = map(int, re.search(r"(\d+) made, (\d+) found in spools", text).groups())
        check(made + found == 60 and found >= 3, text)
        check(want in text, "the digest is not", want, "\n", text)
        check(not os.path.exists(path + ".spool"), "the spools are left behind")
        same = subprocess.run(["cmp", "whole.h5", path], check=False)
        check(same.returncode == 0, "the file of a killed gen has other bytes")
        beside = [name for name in ("cut.h5.xdmf", "cut.h5.stats.yaml") if not os.path.exists(name)]
        check(not beside, "not beside the file:", beside)
    os.remove(path)


if __name__ == "__main__":
    main(checkpoints_survive, gen_goes_on)
