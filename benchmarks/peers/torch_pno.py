"""Probabilistic neural operators of Buelte, Scholl, Kutyniok (arXiv 2502.12902) in PyTorch: the FNO of their Darcy runs.

    torch_pno.py --n 64,64 --modes 12 --width 32 --batch 16 --method pno_d --mode train [--tuned]   a peer (README.md)
    torch_pno.py --train FILE --valid FILE --test FILE --method pno_d --seed 1                      torch_pno_train.py
    torch_pno.py --self-test                                                                        torch_pno_test.py

Modes 12,12 are frequencies -6 .. 5 and 0 .. 6. Only the kept block of the spectrum is masked: the same law as a mask on
all of it, as the rest is zero, and the cheapest way for PyTorch. --tuned: as torch_li.py, and masks of the MLPs from 64
random bits at a time; the memory settings are run.py's."""
import math
import sys

import torch
import torch.nn.functional as F
from torch import nn

import steps
import torch_li

LAYERS, HIDDEN, DRAWS, CLIP, LEAST_SIGMA = 4, 256, 3, 1.0, 1e-6
METHODS = ("none", "pno_d", "pno_r")
DROPOUT = {"none": 0.02, "pno_d": 0.2, "pno_r": 0.01}  # their choice for Darcy
EVALUATED, PASSES = 100, 4  # draws of an evaluation; how many of them are one forward pass: more leave the cache


class MLP(nn.Module):
    """Two maps of the channels, which are last; dropout before GELU."""

    def __init__(self, n_in, hidden, n_out):
        super().__init__()
        self.fc0, self.fc1 = nn.Linear(n_in, hidden), nn.Linear(hidden, n_out)
        self.fast_masks = False

    def forward(self, x, p):
        if p > 0 and self.fast_masks:
            keep = 1 - round(65536 * p) / 65536
            x = F.linear(x, self.fc0.weight / keep, self.fc0.bias / keep)
            x = x.mul_(fast_mask(x.shape, p))
        else:
            x = F.dropout(self.fc0(x), p) if p > 0 else self.fc0(x)
        return self.fc1(F.gelu(x))


def fast_mask(shape, p):
    """0 and 1 as floats. PyTorch draws 16 random bits as a part of 64 five times as fast as it draws one Bernoulli number."""
    size = math.prod(shape)
    words = torch.empty((size + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    mask = torch.empty(shape)
    return torch.ge(words.view(torch.int16)[:size].view(shape), round(65536 * p) - 32768, out=mask)


class SpectralConv(nn.Module):
    """Centred modes, 1/N in the forward transform, one real mask on the spectrum before the inverse one."""

    def __init__(self, width, modes):
        super().__init__()
        self.rows, self.columns = modes[0], modes[1] // 2 + 1
        scale = math.sqrt(2 / (2 * width))
        self.weight = nn.Parameter(scale * torch.randn(width, width, self.rows, self.columns, dtype=torch.cfloat))
        self.bias = nn.Parameter(scale * torch.randn(width, 1, 1))

    def forward(self, x, p):
        n0, n1 = x.shape[-2:]
        if self.rows > n0 or self.columns > n1 // 2 + 1:
            raise ValueError(f"{self.rows} x {self.columns} modes do not fit a grid of {n0} x {n1}")
        low, high = self.rows // 2, self.rows - self.rows // 2  # frequencies -low .. high - 1
        x_ft = torch.fft.rfftn(x, dim=(-2, -1), norm="forward")[..., : self.columns]
        kept = torch.cat((x_ft[..., n0 - low :, :], x_ft[..., :high, :]), dim=-2)
        kept = torch.einsum("bixy,ioxy->boxy", kept, self.weight)
        if p > 0:
            kept = kept * torch.empty(kept.shape).bernoulli_(1 - p).mul_(1 / (1 - p))
        out_ft = torch.zeros(*kept.shape[:2], n0, n1 // 2 + 1, dtype=kept.dtype)
        out_ft[..., n0 - low :, : self.columns] = kept[..., :low, :]
        out_ft[..., :high, : self.columns] = kept[..., low:, :]
        return torch.fft.irfftn(out_ft, s=(n0, n1), dim=(-2, -1), norm="forward") + self.bias


class PNO(nn.Module):
    """(batch, n0, n1, fields and coordinates) to (batch, n0, n1, out); heads = 2: to mean and sigma."""

    def __init__(self, n_in=3, n_out=1, width=32, modes=(12, 12), hidden=HIDDEN, heads=1):
        super().__init__()
        self.lifting = MLP(n_in, hidden, width)
        self.convs = nn.ModuleList(SpectralConv(width, modes) for _ in range(LAYERS))
        self.skips = nn.ModuleList(nn.Conv2d(width, width, 1, bias=False) for _ in range(LAYERS))
        self.heads = nn.ModuleList(MLP(width, hidden, n_out) for _ in range(heads))

    def forward(self, x, p=0.0):
        x = self.lifting(x, p).permute(0, 3, 1, 2)
        for i, (conv, skip) in enumerate(zip(self.convs, self.skips)):
            x = conv(x, p) + skip(x)
            if i < LAYERS - 1:
                x = F.gelu(x)
        x = x.permute(0, 2, 3, 1)
        mean, *rest = [head(x, p) for head in self.heads]
        return (mean, F.softplus(rest[0]) + LEAST_SIGMA) if rest else mean


def network(method, **sizes):
    return PNO(heads=2 if method == "pno_r" else 1, **sizes)


def draw(model, method, x, count, p, one_batch=True):
    """(count, batch, n0, n1, out) generated functions; of the deterministic method a single one."""
    if method == "none":
        return model(x, p)[None]
    if method == "pno_r":
        mean, sigma = model(x, p)
        return mean + sigma * torch.randn(count, *mean.shape)
    if one_batch:
        return model(x.repeat(count, 1, 1, 1), p).reshape(count, *x.shape[:-1], -1)
    return torch.stack([model(x, p) for _ in range(count)])


def length(v):
    """c |v| of each (.., n0, n1, out): a norm of functions on the unit square."""
    return torch.linalg.vector_norm(v, dim=(-3, -2, -1)) / math.sqrt(v.shape[-3] * v.shape[-2])


def energy_score(draws, u):
    """Fair energy score, mean of the batch; of a single draw the L2 norm of the error."""
    m = len(draws)
    score = length(draws - u).mean(0)
    if m > 1:
        first, second = torch.triu_indices(m, m, 1)
        score = score - length(draws[first] - draws[second]).sum(0) / (m * (m - 1))
    return score.mean()


class Trainer:
    """The optimiser's side: Adam, gradient norm clipped."""

    def __init__(self, model, method, tuned, p, lr=1e-3, one_batch=True, draws=DRAWS):
        self.model, self.method, self.p, self.one_batch, self.draws = model, method, p, one_batch, draws
        self.fused = torch_li.FusedAdam(model.parameters(), lr=lr) if tuned else None
        self.adam = self.fused.adam if tuned else torch.optim.Adam(model.parameters(), lr=lr)

    def step(self, x, u):
        self.model.zero_grad()
        loss = energy_score(draw(self.model, self.method, x, self.draws, self.p, self.one_batch), u)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        (self.fused or self.adam).step()
        return loss.item()


def tune(model):
    for mlp in (model.lifting, *model.heads):
        mlp.fast_masks = True


def evaluation(model, method, x, p, count=EVALUATED, passes=PASSES):
    """count draws of one sample x (n0, n1, in), as (count, n0, n1, out)."""
    with torch.inference_mode():
        if method == "pno_d":
            parts = (draw(model, method, x[None], min(passes, count - at), p)[:, 0] for at in range(0, count, passes))
            return torch.cat(list(parts))
        return draw(model, method, x[None], count, 0.0)[:, 0]


def coordinates(n):
    """(n0, n1, 2) in [0, 1], end points included."""
    axes = [torch.linspace(0, 1, k) for k in n]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)


def peer_arguments(argv):
    own = {"--method": "none", "--draw": "batch", "--dropout": None, "--passes": str(PASSES)}
    rest = list(argv)
    for name in own:
        if name in rest:
            at = rest.index(name)
            own[name] = rest[at + 1]
            del rest[at : at + 2]
    evaluate = "--mode" in rest and rest[rest.index("--mode") + 1] == "eval"
    if evaluate:
        rest[rest.index("--mode") + 1] = "infer"
    args = steps.arguments(rest)
    args.method, args.draw, args.passes = own["--method"], own["--draw"], int(own["--passes"])
    args.p = DROPOUT[args.method] if own["--dropout"] is None else float(own["--dropout"])
    args.mode = "eval" if evaluate else args.mode
    return args


def peer(argv):
    """A step is: train, with draws; infer, one deterministic pass; eval, 100 draws for each sample of the batch."""
    args = peer_arguments(argv)
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    torch.set_flush_denormal(args.tuned)
    field, u = (torch.from_numpy(f)[..., None] for f in steps.fields(args))
    x = torch.cat((field, coordinates(args.n).expand(args.batch, *args.n, 2)), dim=-1)
    model = network(args.method, width=args.width, modes=(args.modes, args.modes))
    trainer = Trainer(model, args.method, args.tuned, args.p, one_batch=args.draw == "batch")
    if args.tuned:
        tune(model)

    @torch.inference_mode()
    def infer():
        out = model(x)
        return (out[0] if args.method == "pno_r" else out)[0, 0, 0, 0].item()

    def evaluate():
        return sum(evaluation(model, args.method, one, args.p, passes=args.passes)[0, 0, 0, 0].item() for one in x)

    step = {"train": lambda: trainer.step(x, u), "infer": infer, "eval": evaluate}[args.mode]
    steps.serve(f"{torch_li.describe()}, {args.method}, dropout {args.p}", step)


def main():
    argv = sys.argv[1:]
    if "--self-test" in argv:
        import torch_pno_test
        return torch_pno_test.main()
    if "--train" in argv:
        import torch_pno_train
        return torch_pno_train.main(argv)
    return peer(argv)


if __name__ == "__main__":
    sys.exit(main())
