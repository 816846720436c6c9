"""The FNO of Li et al. in PyTorch as published (fourier_1d.py, fourier_2d.py, fourier_3d.py of August 2021, without
padding): a peer of run.py. --tuned: flush denormal numbers, and Adam as one fused pass over the complex weights as pairs of
real ones (the same numbers: 1.9 ms for 6.5 at a1); the memory settings are run.py's.

The mean of relative errors is trained where the scripts add them up: the same arithmetic, and comparable losses."""
import itertools

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import steps

LAYERS, HEAD = 4, 128


class SpectralConv(nn.Module):
    """Fourier layer: one complex tensor (in, out, m..) a corner, +-m modes of leading axes and m of the last."""

    def __init__(self, width, modes, dims):
        super().__init__()
        self.width, self.dims = width, dims
        scale = 1 / (width * width)
        low, high = slice(0, modes), slice(-modes, None)
        leading = list(itertools.product((low, high), repeat=dims - 1))
        # weights1 .. weights4 of fourier_3d.py: the first axis turns fastest
        self.corners = [tuple(reversed(c)) + (low,) for c in leading]
        shape = (width, width) + (modes,) * dims
        self.weights = nn.ParameterList(nn.Parameter(scale * torch.rand(shape, dtype=torch.cfloat)) for _ in self.corners)
        axes = "xyz"[:dims]
        self.equation = f"bi{axes},io{axes}->bo{axes}"

    def forward(self, x):
        axes = tuple(range(-self.dims, 0))
        x_ft = torch.fft.rfftn(x, dim=axes)
        out_ft = torch.zeros(x.shape[0], self.width, *x_ft.shape[2:], dtype=torch.cfloat)
        for corner, weight in zip(self.corners, self.weights):
            at = (slice(None), slice(None)) + corner
            out_ft[at] = torch.einsum(self.equation, x_ft[at], weight)
        return torch.fft.irfftn(out_ft, s=x.shape[2:], dim=axes)


class FNO(nn.Module):
    def __init__(self, modes, width, dims, n_in=1):
        super().__init__()
        conv = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[dims - 1]
        self.dims = dims
        self.fc0 = nn.Linear(n_in + dims, width)
        self.conv = nn.ModuleList(SpectralConv(width, modes, dims) for _ in range(LAYERS))
        self.w = nn.ModuleList(conv(width, width, 1) for _ in range(LAYERS))
        self.fc1 = nn.Linear(width, HEAD)
        self.fc2 = nn.Linear(HEAD, 1)

    def forward(self, x):
        """x: (batch, n.., n_in)."""
        last, first = tuple(range(1, self.dims + 1)) + (0,), (0,) + tuple(range(2, self.dims + 2)) + (1,)
        x = self.fc0(torch.cat((x, self.get_grid(x.shape)), dim=-1))
        x = x.permute(0, self.dims + 1, *last[:-1])
        for i, (conv, w) in enumerate(zip(self.conv, self.w)):
            x = conv(x) + w(x)
            if i < LAYERS - 1:
                x = F.gelu(x)
        x = x.permute(*first)
        return self.fc2(F.gelu(self.fc1(x)))

    @staticmethod
    def get_grid(shape):
        axes = [torch.tensor(np.linspace(0, 1, n), dtype=torch.float) for n in shape[1:-1]]
        grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
        return grid.expand(shape[0], *grid.shape)


def relative_l2(out, y):
    """LpLoss of the published utilities."""
    out, y = out.reshape(len(out), -1), y.reshape(len(y), -1)
    return torch.mean(torch.norm(out - y, 2, 1) / torch.norm(y, 2, 1))


class FusedAdam:
    """torch has no fused Adam for complex parameters: give it their real views."""

    def __init__(self, parameters, **settings):
        self.parameters = list(parameters)
        self.views = [torch.view_as_real(p.detach()) if p.is_complex() else p.detach() for p in self.parameters]
        self.adam = torch.optim.Adam(self.views, fused=True, **settings)

    def zero_grad(self):
        for p in self.parameters:
            p.grad = None

    def step(self):
        for p, view in zip(self.parameters, self.views):
            view.grad = torch.view_as_real(p.grad) if p.is_complex() else p.grad
        self.adam.step()


def adam(model, tuned):
    kind = FusedAdam if tuned else torch.optim.Adam
    return kind(model.parameters(), lr=1e-3, weight_decay=1e-4)


def describe():
    return f"torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"


def main():
    args = steps.arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    if args.tuned:
        torch.set_flush_denormal(True)
    x, y = (torch.from_numpy(field)[..., None] for field in steps.fields(args))
    model = FNO(args.modes, args.width, len(args.n))
    optimizer = adam(model, args.tuned)

    def train():
        optimizer.zero_grad()
        loss = relative_l2(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    @torch.inference_mode()
    def infer():
        return model(x)[(0,) * x.dim()].item()

    model.train(args.mode == "train")
    steps.serve(describe(), train if args.mode == "train" else infer)


if __name__ == "__main__":
    main()
