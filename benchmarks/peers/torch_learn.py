"""The FNO of Li et al. trained on a file of pno, for the table of ../science/learn.py: one line of JSON.

    torch_learn.py --train FILE --test FILE --mode steady|autoregressive|space_time --width 64 --modes 16 --epochs 100 ..

As the published scripts: relative L2, Adam 1e-3 with decay 1e-4, the rate down a half cosine over the steps (theirs: halves
every 100 epochs), samples in a new order every epoch. The modes of view are those of pno: steady u(first) to u(last);
autoregressive frames_in frames as channels to the next one, every window of every trajectory; space_time the same frames
repeated over the times, to the frames_out frames that follow. --rollout STEPS: an autoregressive operator is fed with its
own predictions from the first frames of every test trajectory on, and the error at the last one is stated."""
import argparse
import json
import math
import time

import h5py
import numpy as np
import torch

import torch_li


def windows(u, args):
    """Inputs and targets, channels last, of trajectories (n, times, grid..)."""
    n, times = u.shape[:2]
    lead, out = args.frames_in, args.frames_out
    if args.mode == "steady":
        return u[:, 0, ..., None], u[:, -1, ..., None]
    step = args.stride if args.mode == "autoregressive" else args.stride * out
    span = 1 if args.mode == "autoregressive" else args.stride
    first = range(0, times - (lead + out - 1) * span, step)
    x = torch.stack([torch.stack([u[:, t + i * span] for i in range(lead)], -1) for t in first], 1).flatten(0, 1)
    y = torch.stack([torch.stack([u[:, t + (lead + i) * span] for i in range(out)], -1) for t in first], 1).flatten(0, 1)
    if args.mode == "autoregressive":
        return x, y
    x = x[:, None].expand(-1, out, *x.shape[1:])
    return x, torch.moveaxis(y, -1, 1)[..., None]


def load(path, args):
    with h5py.File(path, "r") as f:
        u = torch.from_numpy(f["t0_fields"][args.field][:].astype(np.float32))
    return windows(u, args)


def score(model, x, y, batch):
    with torch.inference_mode():
        errors = [torch_li.relative_l2(model(x[at : at + batch]), y[at : at + batch]) * len(x[at : at + batch])
                  for at in range(0, len(x), batch)]
    return float(sum(errors)) / len(x)


def rollout(model, path, args):
    """Relative L2 at the last of so many predicted frames, mean over the trajectories."""
    with h5py.File(path, "r") as f:
        u = torch.from_numpy(f["t0_fields"][args.field][:, : args.frames_in + args.rollout].astype(np.float32))
    x = torch.movedim(u[:, : args.frames_in], 1, -1)
    with torch.inference_mode():
        for _ in range(args.rollout):
            x = torch.cat((x[..., 1:], model(x)), -1)
    return float(torch_li.relative_l2(x[..., -1], u[:, -1]))


def train(model, x, y, args):
    """Adam, fused; the rate goes down half a cosine over the steps."""
    adam = torch_li.adam(model, True)
    steps, step = args.epochs * math.ceil(len(x) / args.batch), 0
    for epoch in range(1, args.epochs + 1):
        total, start = 0.0, time.perf_counter()
        for rows in torch.randperm(len(x)).split(args.batch):
            adam.adam.param_groups[0]["lr"] = 5e-4 * (1 + math.cos(math.pi * step / steps))
            adam.zero_grad()
            loss = torch_li.relative_l2(model(x[rows]), y[rows])
            loss.backward()
            adam.step()
            total, step = total + loss.item() * len(rows), step + 1
        print(f"epoch {epoch} loss {total / len(x):.5f} {time.perf_counter() - start:.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser()
    for name in ("train", "test"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--mode", choices=("steady", "autoregressive", "space_time"), default="steady")
    parser.add_argument("--field", default="u")
    defaults = {"seed": 0, "epochs": 20, "batch": 20, "threads": 1, "width": 32, "modes": 12, "frames-in": 1,
                "frames-out": 1, "stride": 1, "rollout": 0}
    for name, value in defaults.items():
        parser.add_argument("--" + name, type=int, default=value)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(args.seed)
    (x, y), (tx, ty) = load(args.train, args), load(args.test, args)
    model = torch_li.FNO(args.modes, args.width, x.dim() - 2, x.shape[-1])
    start = time.perf_counter()
    train(model, x, y, args)
    seconds = time.perf_counter() - start
    rolled = {"rollout": rollout(model, args.test, args)} if args.rollout else {}
    print(json.dumps({**rolled, "program": "torch", "rel_l2": score(model, tx, ty, args.batch), "seconds": round(seconds, 1),
                      "samples": len(x), "test": len(tx), "threads": args.threads, "seed": args.seed,
                      "what": torch_li.describe()}))


if __name__ == "__main__":
    main()
