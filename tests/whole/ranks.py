"""A result does not depend on how many ranks computed it: data, losses, weights."""
import itertools

import numpy as np

from whole import LONG, check, checkpoint, generate, losses, main, train

RANKS = (1, 2, 3, 4)
SAMPLES = 16  # with batches of 5 the last one of an epoch has one sample: most ranks are without work
STEPS = 12

# flavour, loss, balance, batch, micro
SHORT = [
    ("neuralop", "rel_l2", "equal", 5, 1),
    ("neuralop", "h1", "round_robin", 5, 2),
    ("li", "l2", "speed", 5, 1),
    ("neuralop", "l2", "speed", 3, 1),
    ("li", "h1", "equal", 2, 2),
    ("li", "rel_l2", "round_robin", 3, 2),
]
SIZES = ((5, 1), (5, 2), (3, 1), (2, 2))
FULL = [(*which, *size) for which in itertools.product(("neuralop", "li"), ("rel_l2", "l2", "h1"),
                                                       ("equal", "round_robin", "speed")) for size in SIZES]


def data_digests_agree():
    for grid, samples in (("16,16", 7), ("24,20", 3)):  # three samples on four ranks: one makes nothing
        digests = {generate(f"d{grid}-{n}.h5", samples, grid, n) for n in RANKS}
        check(len(digests) == 1, grid, digests)
    other = generate("other.h5", 7, "16,16", 1, "run.seed=1")
    check(other not in digests, "another seed gives the same digest")


def relative(a, b):
    """Of two tensors; one that is zero must be zero in the other, too."""
    norm = np.linalg.norm(b)
    return np.linalg.norm(a - b) / norm if norm > 0 else float(np.linalg.norm(a) > 0)


def compare(one, other, where):
    a, b = losses(one), losses(other)
    check(len(a) == STEPS and len(b) == STEPS, where, len(a), len(b), "steps")
    worst = np.max(np.abs(a - b) / np.abs(a))
    check(worst <= 1e-6, where, "losses differ by", worst, a, b)
    weights, weights1 = checkpoint(other, 3)[0], checkpoint(one, 3)[0]
    names = [n for n in weights1 if n.startswith("model/")]
    check(len(names) >= 16, where, "only", len(names), "weight tensors")
    for name in names:
        off = relative(weights[name], weights1[name])
        check(off <= 1e-6, where, name, "differs by", off)
    return worst


def training_agrees():
    generate("square.h5", SAMPLES)
    generate("oblong.h5", SAMPLES, "24,20")
    for flavour, loss, balance, batch, micro in FULL if LONG else SHORT:
        case = f"{flavour}-{loss}-{balance}-{batch}-{micro}"
        data = "square.h5" if flavour == "neuralop" else "oblong.h5"
        words = [f"model.flavour={flavour}", f"train.loss={loss}", f"parallel.balance={balance}",
                 f"data.batch={batch}", f"data.micro={micro}", f"train.steps={STEPS}", "checkpoint.every=3",
                 "train.clip=0.05"]
        for ranks in RANKS:
            train(ranks, f"{case}-{ranks}", data, *words)
        worst = [compare(f"{case}-1", f"{case}-{ranks}", f"{case} on {ranks} ranks:") for ranks in RANKS[1:]]
        print("     ", case, "losses differ by at most", f"{max(worst):.1e}", flush=True)


if __name__ == "__main__":
    main(data_digests_agree, training_agrees)
