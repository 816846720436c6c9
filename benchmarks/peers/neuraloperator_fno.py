"""neuraloperator's own FNO (PyPI: neuraloperator 2.0, torch) on a plain x/y file, with the settings of examples/*16.yaml.

    python neuraloperator_fno.py [--space-time] [--batch 16] [--seed 0] TRAIN TEST...

Flavour as there: modes (8, 8), width 24, AdamW 1e-2, cosine over 20 epochs, H1 loss on physical fields, normalisers by
channel. --space-time repeats x over the times of y. Prints relative L2 and H1 a test file and the seconds of training.
"""
import argparse
import time

import h5py
import torch
from neuralop.data.transforms.normalizers import UnitGaussianNormalizer
from neuralop.losses import H1Loss, LpLoss
from neuralop.models import FNO
from neuralop.training import AdamW


def read(path, space_time):
    with h5py.File(path, "r") as f:
        x, y = torch.tensor(f["x"][...]).float(), torch.tensor(f["y"][...]).float()
    if space_time:
        x = x[:, None, :].repeat(1, y.shape[1], 1)
    return tuple(t[:, None] if t.ndim == 3 else t for t in (x, y))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("train")
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--space-time", action="store_true")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    x, y = read(args.train, args.space_time)
    norm_x, norm_y = UnitGaussianNormalizer(dim=[0, 2, 3]), UnitGaussianNormalizer(dim=[0, 2, 3])
    norm_x.fit(x)
    norm_y.fit(y)
    model = FNO(n_modes=(8, 8), in_channels=1, out_channels=1, hidden_channels=24, lifting_channel_ratio=2,
                projection_channel_ratio=2)
    optimizer = AdamW(model.parameters(), lr=1e-2, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs)
    h1, l2 = H1Loss(d=2), LpLoss(d=2, p=2)
    started = time.time()
    for _ in range(args.epochs):
        model.train()
        for part in torch.randperm(len(x)).split(args.batch):
            optimizer.zero_grad()
            loss = h1(norm_y.inverse_transform(model(norm_x.transform(x[part]))), y[part])
            loss.backward()
            optimizer.step()
        schedule.step()
    seconds = time.time() - started
    model.eval()
    for path in args.tests:
        tx, ty = read(path, args.space_time)
        with torch.no_grad():
            out = norm_y.inverse_transform(model(norm_x.transform(tx)))
            one_by_one = [[float(f(out[i:i + 1], ty[i:i + 1])) for f in (l2, h1)] for i in range(len(tx))]
        mean = [sum(v) / len(tx) for v in zip(*one_by_one)]
        print(f"{path}: rel_l2 {mean[0]:.5f} h1 {mean[1]:.5f} ({sum(p.numel() for p in model.parameters())} parameters, "
              f"{seconds:.1f} s of training)")


if __name__ == "__main__":
    main()
