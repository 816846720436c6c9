"""Real data: neuraloperator's small Darcy set trains for an epoch and is evaluated at twice the resolution."""
import os
import re

from whole import SOURCE_ROOT, check, main, pno, skip

FOLDER = os.environ.get("PNO_TEST_DATA", os.path.join(SOURCE_ROOT, "..", "shared", "data"))
FILES = [os.path.abspath(os.path.join(FOLDER, f"darcy_{n}.h5")) for n in ("train_16", "test_16", "test_32")]


def one_epoch_helps_at_both_resolutions():
    pno(2, "train", os.path.join(SOURCE_ROOT, "examples", "darcy16.yaml"), "--run", "r", f"data.path={FILES[0]}",
        f"data.test={FILES[1]},{FILES[2]}", "train.epochs=1", "eval.every=1", timeout=280)
    text = pno(2, "eval", "r")
    scores = {grid: float(score) for grid, score in re.findall(r"^ none +(\d+x\d+) +\d+ +([0-9.e+-]+)", text, re.M)}
    print("      relative L2 after one epoch:", scores, flush=True)
    check(set(scores) == {"16x16", "32x32"}, text)
    check(all(0 < score < 0.5 for score in scores.values()), scores)


if __name__ == "__main__":
    for path in FILES:
        if not os.path.exists(path):
            skip("no", path, "- set PNO_TEST_DATA to the folder of the data")
    main(one_epoch_helps_at_both_resolutions)
