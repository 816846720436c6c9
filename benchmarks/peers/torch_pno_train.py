"""Trains torch_pno's network on files of pno (or plain x and y) and scores draws on a test file: one line of JSON.

    torch_pno.py --train FILE --valid FILE --test FILE --method none|pno_d|pno_r [--seed 1] [--epochs 20] [--batch 16] ..

The published protocol: fields normalised by mean and deviation of all training points, coordinates in [0, 1], Adam 1e-3
without decay, gradient norm 1; the energy score of three draws is trained and validated (none: the L2 norm), the best
state is kept; a factor .5 each epoch after 5 without improvement while above 1e-4; end after 10, but not before epoch 50.
Scores are those of pno_scores.py in the units of the file."""
import argparse
import json
import math
import os
import time

import h5py
import numpy as np
import torch

import pno_scores
import torch_li
import torch_pno

PATIENCE, HALVE_AFTER, NOT_BEFORE, LEAST_LR, VALID_BATCH = 10, 5, 50, 1e-4, 4


def windows(field, f):
    """(n, n0, n1) before and behind: equal counts of frames of a line, one behind the other, as the file's view says."""
    lead, out, stride = (int(f.attrs[k]) for k in ("frames_in", "frames_out", "stride"))
    if field.ndim != 3 or lead != out:
        raise SystemExit(f"a field of shape {field.shape}, {lead} frames to {out}: only as many of a line are read")
    first = range(0, field.shape[1] - (lead + out - 1) * stride, out * stride)
    frames = [np.stack([field[:, at + k * stride] for k in range(lead + out)], 1) for at in first]
    both = np.stack(frames, 1).reshape(-1, lead + out, field.shape[2])
    return both[:, :lead], both[:, lead:]


def read(path, limit=0):
    """Inputs and targets, (n, n0, n1, channels); of pno's own files and of plain ones."""
    with h5py.File(path, "r") as f:
        if f.attrs.get("format", b"") in (b"pno-dataset", "pno-dataset"):
            wanted = [[n if isinstance(n, str) else n.decode() for n in f.attrs[side]]
                      for side in ("input_fields", "target_fields")]
            if f.attrs["sample_mode"] in (b"space_time", "space_time"):
                (name,) = wanted[0]
                before, behind = windows(f["t0_fields"][name][: limit or None], f)
                return [torch.from_numpy(side[..., None].astype(np.float32)) for side in (before, behind)]
            sides = [[f["t0_fields"][name][: limit or None] for name in names] for names in wanted]
            for name, field in zip(sum(wanted, []), sum(sides, [])):
                if field.ndim != 4 or field.shape[1] != 1:
                    raise SystemExit(f"{path}: {name} has shape {field.shape}: only one state of a 2-D field is read")
            sides = [[field[:, 0] for field in side] for side in sides]
        else:
            sides = [[f["x"][: limit or None]], [f["y"][: limit or None]]]
    return [torch.from_numpy(np.stack(side, -1).astype(np.float32)) for side in sides]


class Normaliser:
    def __init__(self, values):
        self.mean, self.sd = values.mean((0, 1, 2)), values.std((0, 1, 2))

    def to(self, values):
        return (values - self.mean) / self.sd

    def back(self, values):
        return values * self.sd + self.mean


class Data:
    """Normalised inputs with coordinates, normalised targets; the targets as the file has them."""

    def __init__(self, path, limit, norms=None):
        field, self.u = read(path, limit)
        self.norms = norms or (Normaliser(field), Normaliser(self.u))
        grid = torch_pno.coordinates(field.shape[1:3]).expand(*field.shape[:3], 2)
        self.x, self.y = torch.cat((self.norms[0].to(field), grid), -1), self.norms[1].to(self.u)

    def __len__(self):
        return len(self.x)


def validation_loss(model, args, data):
    """As it is trained, with new masks and noise; none and pno_r: without dropout."""
    p, total = args.dropout if args.method == "pno_d" else 0.0, 0.0
    with torch.inference_mode():
        for at in range(0, len(data), VALID_BATCH):
            x, y = data.x[at : at + VALID_BATCH], data.y[at : at + VALID_BATCH]
            draws = torch_pno.draw(model, args.method, x, args.draws, p)
            total += torch_pno.energy_score(draws, y).item() * len(x)
    return total / len(data)


class Schedule:
    """What the published loop decides after each validation."""

    def __init__(self, model, adam):
        self.model, self.adam, self.best, self.best_epoch, self.waited, self.state = model, adam, math.inf, 0, 0, None

    def goes_on(self, epoch, loss):
        if loss < self.best:
            self.best, self.best_epoch, self.waited = loss, epoch, 0
            self.state = {k: v.clone() for k, v in self.model.state_dict().items()}
        else:
            self.waited += 1
        group = self.adam.param_groups[0]
        if self.waited > HALVE_AFTER and group["lr"] > LEAST_LR:
            group["lr"] *= 0.5
        return epoch < NOT_BEFORE or self.waited < PATIENCE


def train(model, args, data, valid):
    """Epochs done and the schedule; the model has the best state after it."""
    trainer = torch_pno.Trainer(model, args.method, True, args.dropout, args.lr, args.draw == "batch", args.draws)
    schedule = Schedule(model, trainer.adam)
    order = torch.Generator().manual_seed(args.seed)
    for epoch in range(1, args.epochs + 1):
        start, total = time.process_time(), 0.0
        for rows in torch.randperm(len(data), generator=order).split(args.batch):
            total += trainer.step(data.x[rows], data.y[rows]) * len(rows)
        middle = time.process_time()
        if epoch % args.eval_every and epoch != args.epochs:
            continue
        loss = validation_loss(model, args, valid)
        print(f"epoch {epoch} loss {total / len(data):.5f} valid {loss:.5f} {middle - start:.2f} + "
              f"{time.process_time() - middle:.2f} s of processor", flush=True)
        if not schedule.goes_on(epoch, loss):
            break
    if schedule.state is None:
        raise SystemExit("no validation was finite: nothing to evaluate")
    model.load_state_dict(schedule.state)
    return epoch, schedule


def scored(model, args, data):
    """Scores (samples, NAMES), |u - mean| / sd and sd (samples, points), in the units of the file."""
    scores, ratios, sds = [], [], []
    for x, u in zip(data.x, data.u):
        draws = torch_pno.evaluation(model, args.method, x, args.dropout, args.samples)
        draws = data.norms[1].back(draws).reshape(len(draws), -1).numpy()
        u = u.reshape(-1).numpy()
        score, mean, sd = pno_scores.of_sample(draws, u)
        scores.append(score)
        ratios.append(np.abs(u - mean) / sd)
        sds.append(sd)
    return np.array(scores), np.array(ratios), np.array(sds)


def evaluate(model, args, valid, test):
    """The row's figures."""
    scores, ratios, sds = scored(model, args, test)
    _, fitted, _ = scored(model, args, valid)
    factor = pno_scores.conformal_factor(fitted)
    inside = (ratios <= factor).mean(1)
    row = dict(zip(pno_scores.NAMES, map(float, scores.mean(0))))
    row["coverage95_se"] = pno_scores.standard_error(scores[:, pno_scores.NAMES.index("coverage95")])
    return {**row, "calibrated95": float(inside.mean()), "calibrated95_se": pno_scores.standard_error(inside),
            "calibrated_width95": float(2 * factor * sds.mean()), "factor95": factor}


def arguments(argv):
    parser = argparse.ArgumentParser(prog="torch_pno.py")
    for name in ("train", "valid", "test"):
        parser.add_argument("--" + name, required=True)
        parser.add_argument(f"--{name}-samples", type=int, default=0, help="the first ones; 0: all")
    parser.add_argument("--method", choices=torch_pno.METHODS, default="pno_d")
    defaults = {"seed": 1, "epochs": 20, "batch": 16, "threads": 1, "width": 32, "hidden": torch_pno.HIDDEN, "draws": torch_pno.DRAWS,
                "samples": torch_pno.EVALUATED, "eval-every": 1}
    for name, value in defaults.items():
        parser.add_argument("--" + name, type=int, default=value)
    parser.add_argument("--modes", type=lambda t: tuple(map(int, t.split(","))), default=(12, 12))
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--dropout", type=float, help="default: " + str(torch_pno.DROPOUT))
    parser.add_argument("--draw", choices=("batch", "loop"), default="batch", help="draws of a step in one pass or in turn")
    parser.add_argument("--json", help="the row is added to this file")
    return parser.parse_args(argv)


def main(argv):
    args = arguments(argv)
    args.dropout = torch_pno.DROPOUT[args.method] if args.dropout is None else args.dropout
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(args.seed)
    data = Data(args.train, args.train_samples)
    valid, test = Data(args.valid, args.valid_samples, data.norms), Data(args.test, args.test_samples, data.norms)
    model = torch_pno.network(args.method, n_in=data.x.shape[-1], n_out=data.y.shape[-1], width=args.width,
                              modes=args.modes, hidden=args.hidden)
    torch_pno.tune(model)
    start = time.perf_counter(), time.process_time()
    epochs, schedule = train(model, args, data, valid)
    middle = time.perf_counter(), time.process_time()
    found = evaluate(model, args, valid, test)
    end = time.perf_counter(), time.process_time()
    row = {"method": args.method, "program": "torch", "seed": args.seed, **found,
           "seconds_train": round(middle[0] - start[0], 2), "seconds_eval": round(end[0] - middle[0], 2),
           "cpu_train": round(middle[1] - start[1], 2), "cpu_eval": round(end[1] - middle[1], 2),
           "epochs": epochs, "best_epoch": schedule.best_epoch, "valid_loss": schedule.best, "batch": args.batch,
           "dropout": args.dropout, "draws": args.draws, "samples": args.samples, "train_samples": len(data),
           "valid_samples": len(valid), "test_samples": len(test), "grid_train": list(data.x.shape[1:3]),
           "grid_test": list(test.x.shape[1:3]), "what": torch_li.describe(), "load": round(os.getloadavg()[0], 2)}
    line = json.dumps(row)
    print(line, flush=True)
    if args.json:
        with open(args.json, "a", encoding="utf-8") as f:
            f.write(line + "\n")
