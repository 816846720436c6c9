"""Li et al.'s Navier-Stokes solver (ns_2d.py of neuraloperator): Crank-Nicolson for the viscous term, explicit Euler
for u . grad w, four inverse and one forward transform a step, 2/3 mask on the product; nu 1e-3,
f = .1 (sin 2 pi (x + y) + cos 2 pi (x + y)).

    gen_navier_stokes.py --way WAY --state w.npy [--dt 1e-4] [--steps 20] [--batch 1]    a peer (README.md)
    gen_navier_stokes.py --way WAY --state w.npy [--dt 1e-4] --until 5 --result FILE     one solution, timed

Ways: `torch` is the script (complex transforms, float32), `numpy` the same in float64 with real transforms, the faster
kind; `numpy-complex` has the script's transforms. A turn is so many steps of the whole batch, on from where it is."""
import argparse
import json
import math
import time

import numpy as np

import steps

NU, FORCE = 1e-3, 0.1


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--way", choices=("numpy", "numpy-complex", "torch"), required=True)
    parser.add_argument("--state", required=True)
    parser.add_argument("--dt", type=float, default=1e-4)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--until", type=float)
    parser.add_argument("--result")
    return parser.parse_args()


def force(n):
    at = np.arange(n) / n
    angle = 2 * math.pi * (at[:, None] + at[None, :])
    return FORCE * (np.sin(angle) + np.cos(angle))


def numbers(n, real):
    """Wave numbers along the first and the last axis."""
    k = np.fft.fftfreq(n, 1 / n)
    return k[:, None], (np.abs(k[: n // 2 + 1]) if real else k)[None, :]


class Numpy:
    """All that does not change is made before; nothing else is done that the script does not do."""

    def __init__(self, w, dt, real):
        n = w.shape[-1]
        self.to_modes = np.fft.rfft2 if real else np.fft.fft2
        self.to_points = (lambda h: np.fft.irfft2(h, (n, n))) if real else (lambda h: np.fft.ifft2(h).real)
        x, y = numbers(n, real)
        lap = 4 * math.pi**2 * (x**2 + y**2)
        lap[0, 0] = 1
        self.d_x, self.d_y = 2j * math.pi * x, 2j * math.pi * y
        self.psi_y, self.psi_x = self.d_y / lap, -self.d_x / lap
        mask = (np.abs(x) <= 2 / 3 * (n // 2)) & (np.abs(y) <= 2 / 3 * (n // 2))
        below = 1 + 0.5 * dt * NU * lap
        self.keep, self.change = (1 - 0.5 * dt * NU * lap) / below, -dt * mask / below
        self.push = dt * self.to_modes(force(n)) / below
        self.w = self.to_modes(w)

    def step(self):
        w, back = self.w, self.to_points
        product = back(self.psi_y * w) * back(self.d_x * w) + back(self.psi_x * w) * back(self.d_y * w)
        self.w = self.keep * w + self.change * self.to_modes(product) + self.push

    def points(self):
        return self.to_points(self.w)


class Torch:
    """The loop of the script as it stands there."""

    def __init__(self, w, dt):
        import torch
        torch.set_num_threads(1)
        torch.set_flush_denormal(True)
        self.torch, self.dt, n = torch, dt, w.shape[-1]
        x, y = (torch.from_numpy(np.broadcast_to(k, (n, n)).copy()).float() for k in numbers(n, False))
        self.x, self.y = x, y
        self.lap = 4 * math.pi**2 * (x**2 + y**2)
        self.lap[0, 0] = 1
        cut = 2 / 3 * (n // 2)
        self.mask = torch.logical_and(y.abs() <= cut, x.abs() <= cut).float().unsqueeze(0)
        self.f = torch.fft.fft2(torch.from_numpy(force(n)).float()).unsqueeze(0)
        self.w = torch.fft.fft2(torch.from_numpy(w).float())

    def step(self):
        ifft2, lap, w, dt = self.torch.fft.ifft2, self.lap, self.w, self.dt
        psi = w / lap
        q = ifft2(2 * math.pi * self.y * 1j * psi).real
        v = ifft2(-2 * math.pi * self.x * 1j * psi).real
        w_x = ifft2(2 * math.pi * self.x * 1j * w).real
        w_y = ifft2(2 * math.pi * self.y * 1j * w).real
        product = self.mask * self.torch.fft.fft2(q * w_x + v * w_y)
        self.w = (-dt * product + dt * self.f + (1 - 0.5 * dt * NU * lap) * w) / (1 + 0.5 * dt * NU * lap)

    def points(self):
        return self.torch.fft.ifft2(self.w).real.double().numpy()


def main():
    args = arguments()
    w = np.load(args.state)
    w = np.broadcast_to(w, (args.batch, *w.shape)).copy() if args.batch > 1 or args.way == "torch" else w
    solver = Torch(w, args.dt) if args.way == "torch" else Numpy(w, args.dt, args.way == "numpy")

    def turn(count=args.steps):
        for _ in range(count):
            solver.step()
        return float(abs(solver.w).max())

    if args.until is None:
        steps.serve(f"{args.way}, batch {args.batch}", turn)
        return
    count = round(args.until / args.dt)
    turn(2)  # warm
    solver = Torch(w, args.dt) if args.way == "torch" else Numpy(w, args.dt, args.way == "numpy")
    start = time.perf_counter()
    turn(count)
    print(json.dumps({"ms": 1e3 * (time.perf_counter() - start), "steps": count}))
    if args.result:
        points = solver.points()
        np.save(args.result, points[0] if points.ndim == 3 else points)


if __name__ == "__main__":
    main()
