"""It learns, stops when it should, and is not thrown off by numbers that are none."""
import h5py
import numpy as np

from whole import check, checkpoint, generate, journal, losses, main, pno, pointed, steps_of, train

DIVERGED = 5


def four_samples_are_learnt_by_heart():
    generate("d.h5", 4)
    train(2, "r", "d.h5", "data.batch=4", "train.lr=0.01", "train.weight_decay=0", "train.epochs=1200",
          "model.width=12", "eval.every=0", timeout=280)
    loss = losses("r")
    check(loss[-1] < loss[0] / 100, "the loss fell from", loss[0], "to", loss[-1])
    score = float(pno(1, "eval", "r").split("16x16")[1].split()[1])
    check(score < 0.02, "eval says", score)


def finite(run, step=None):
    return all(np.isfinite(a).all() for n, a in checkpoint(run, step)[0].items() if n.startswith(("model/", "optim/")))


def write_plain(path):
    """Eight samples x -> 2 x; one is so large that single precision overflows on the way."""
    x = np.random.default_rng(1).standard_normal((8, 16, 16)).astype("f4")
    y = 2 * x
    x[3] *= 1e37
    with h5py.File(path, "w") as file:
        file["x"], file["y"] = x, y


def bad_gradient_is_skipped_everywhere():
    write_plain("p.h5")
    words = ["data.batch=2", "train.epochs=3", "data.normalize=none", "data.normalize_input=none"]
    for ranks in (1, 2, 3):
        run = f"r{ranks}"
        train(ranks, run, "p.h5", *words)
        rows = journal(run)
        skipped = [row["epoch"] for row in rows if row["skipped"]]
        check(skipped == [0, 1, 2], "skipped in epochs", skipped, "on", ranks, "ranks")
        scalars = checkpoint(run)[1]
        check(scalars["train/skipped"] == 3 and scalars["train/bad_steps"] <= 1, scalars)
        check(scalars["optim/step"] == 9, "the optimiser counts", scalars["optim/step"], "steps of 9")
        check(finite(run), "weights are not finite")
        for name, a in checkpoint(run)[0].items():
            b = checkpoint("r1")[0][name]
            check(name.startswith("balance") or np.allclose(a, b, rtol=1e-4, atol=1e-6), name, "differs")
    pno(0, "check", "r2")


def divergence_ends_the_run():
    generate("d.h5", 16)
    words = ["data.batch=4", "train.lr=100", "train.max_bad_steps=3", "checkpoint.every=1", "checkpoint.keep=2"]
    text = train(2, "r", "d.h5", *words, "train.steps=200", code=DIVERGED)
    check("[exit 5]" in text, text)
    skipped = [row["skipped"] for row in journal("r")]
    check(skipped[-3:] == [1, 1, 1] and not all(skipped), "skipped:", skipped)
    good = [row["step"] for row in journal("r") if not row["skipped"]][-1]
    check(steps_of("r")[0] <= good, "the last good step is", good, "the checkpoints are", steps_of("r"))
    check(all(finite("r", step) for step in steps_of("r")), "a checkpoint is not finite")
    pno(0, "check", "r")


def early_stopping_ends_early():
    generate("d.h5", 16)
    train(2, "r", "d.h5", "data.batch=4", "data.valid_samples=4", "train.lr=0.05", "train.schedule=none",
          "train.early_stop=2", "train.epochs=200")
    scores = [row["rel_l2"] for row in journal("r", "valid")]
    best = int(np.argmin(scores))
    check(len(scores) == best + 3 < 200, "validations", len(scores), "best", best)
    check(pointed("r", "BEST") == 3 * (best + 1), "BEST is", pointed("r", "BEST"), "of validation", best)


def clipping_scales_the_whole_gradient():
    generate("d.h5", 16)
    words = ["data.batch=8", "train.steps=1"]
    train(2, "free", "d.h5", *words)
    norm = journal("free")[0]["grad_norm"]
    train(2, "clipped", "d.h5", *words, f"train.clip={norm / 10}")
    train(2, "loose", "d.h5", *words, f"train.clip={norm * 2}")
    check(abs(journal("clipped")[0]["grad_norm"] / norm - 1) < 1e-9, "the norm is not the one before clipping")
    free, clipped, loose = (checkpoint(run)[0] for run in ("free", "clipped", "loose"))
    moments = [n for n in free if n.endswith(".m")]
    square = sum(np.sum(np.abs(free[n].astype("c16")) ** 2) for n in moments)
    check(abs(np.sqrt(square) / 0.1 / norm - 1) < 1e-5, "the norm reported is not the norm of the gradient")
    for n in moments:
        check(np.allclose(clipped[n], free[n] / 10, rtol=1e-5, atol=1e-9), n, "is not clipped by the same factor")
        check(np.array_equal(loose[n], free[n]), n, "is clipped although the norm is small")


if __name__ == "__main__":
    main(four_samples_are_learnt_by_heart, bad_gradient_is_skipped_everywhere, divergence_ends_the_run,
         early_stopping_ends_early, clipping_scales_the_whole_gradient)
