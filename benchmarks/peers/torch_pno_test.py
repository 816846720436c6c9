"""Self-test of torch_pno.py and pno_scores.py: parameter counts of the paper's code, and laws that the scores obey."""
import math

import numpy as np
import torch

import pno_scores
import torch_pno


def counts():
    """One complex number counts as two."""
    for method, want in (("none", 710_305), ("pno_d", 710_305), ("pno_r", 719_010)):
        have = sum(p.numel() * (2 if p.is_complex() else 1) for p in torch_pno.network(method).parameters())
        assert have == want, f"{method} has {have} parameters instead of {want}"


def the_network_sees_a_function_not_a_grid():
    """The same weights at two resolutions give the same values where the grids meet, for band-limited input."""
    conv = torch_pno.SpectralConv(4, (6, 6))
    wave = [torch.cos(2 * math.pi * (torch.arange(n)[:, None] - 2 * torch.arange(n)) / n) for n in (16, 32)]
    coarse, fine = (conv(w.expand(1, 4, *w.shape), 0) for w in wave)
    assert (coarse - fine[..., ::2, ::2]).abs().max() < 1e-5, "grids of 16 and 32 disagree"


def the_spectrum_is_that_of_shifted_modes():
    """As the published code does it: rfftn, fftshift, the centred block, ifftshift, irfftn; odd sizes too."""
    for n0, n1, modes in ((16, 16, (6, 6)), (15, 13, (5, 7)), (12, 8, (12, 8))):
        conv, x = torch_pno.SpectralConv(3, modes), torch.randn(2, 3, n0, n1)
        x_ft = torch.fft.fftshift(torch.fft.rfftn(x, dim=(-2, -1), norm="forward"), dim=-2)
        first, last = n0 // 2 - modes[0] // 2, modes[1] // 2 + 1
        at = (..., slice(first, first + modes[0]), slice(0, last))
        out = torch.zeros_like(x_ft)
        out[at] = torch.einsum("bixy,ioxy->boxy", x_ft[at], conv.weight)
        out = torch.fft.ifftshift(out, dim=-2)
        want = torch.fft.irfftn(out, s=(n0, n1), dim=(-2, -1), norm="forward") + conv.bias
        assert (conv(x, 0) - want).abs().max() < 1e-5, f"{n0} x {n1}, modes {modes}"


def masks_keep_the_mean():
    for p in (0.01, 0.2):
        mask = torch_pno.fast_mask((1001, 999), p)
        off = abs(mask.mean().item() - (1 - p))
        assert set(mask.unique().tolist()) == {0.0, 1.0} and off < 5 * math.sqrt(p / 1e6) + 1 / 65536, off
    model, x = torch_pno.MLP(3, 16, 2), torch.randn(20000, 3)
    with torch.inference_mode():
        slow = model(x, 0.3).mean(0)
        model.fast_masks = True
        fast = model(x, 0.3).mean(0)
    assert (slow - fast).abs().max() < 0.03, (slow, fast)


def the_gradient_of_the_energy_score_is_right():
    """Formula of the paper, and central differences in float64."""
    torch.manual_seed(2)
    m, draws = 3, torch.randn(3, 2, 5, 4, 1, dtype=torch.double, requires_grad=True)
    u = torch.randn(2, 5, 4, 1, dtype=torch.double)
    torch_pno.energy_score(draws, u).backward()
    with torch.no_grad():
        want = torch.zeros_like(draws)
        for i in range(m):
            for b in range(2):
                v = draws[i, b] - u[b]
                want[i, b] = v / v.norm() / m
                for k in set(range(m)) - {i}:
                    w = draws[i, b] - draws[k, b]
                    want[i, b] -= w / w.norm() / (m * (m - 1))
        want /= 2 * math.sqrt(20)  # mean of the batch, c
        assert (draws.grad - want).abs().max() < 1e-12
        step, along = 1e-6, torch.randn_like(draws)
        ends = [torch_pno.energy_score(draws + s * step * along, u).item() for s in (1, -1)]
        slope = (ends[0] - ends[1]) / (2 * step)
        assert abs(slope - (draws.grad * along).sum().item()) < 1e-8, slope
    same = torch.ones(3, 1, 2, 2, 1, requires_grad=True)
    torch_pno.energy_score(same, torch.ones(1, 2, 2, 1)).backward()
    assert (same.grad == 0).all(), "where a norm is 0 the gradient is 0"


def scores_are_their_definitions():
    rng = np.random.default_rng(3)
    m, points = 7, 40
    draws, u = rng.standard_normal((m, points)), rng.standard_normal(points)
    (energy, crps, nll, l2, cover, width), mean, sd = pno_scores.of_sample(draws, u)
    pairs = [(a, b) for a in draws for b in draws]
    c, share = 1 / math.sqrt(points), 1 / (2 * m * (m - 1))
    norm = np.linalg.norm
    want = c * (np.mean([norm(a - u) for a in draws]) - share * sum(norm(a - b) for a, b in pairs))
    assert abs(energy - want) < 1e-12, (energy, want)
    tensors = torch.from_numpy(draws).reshape(m, 1, 8, 5, 1), torch.from_numpy(u).reshape(1, 8, 5, 1)
    assert abs(torch_pno.energy_score(*tensors).item() - want) < 1e-12
    want = np.mean(np.abs(draws - u).mean(0) - share * sum(np.abs(a - b) for a, b in pairs))
    assert abs(crps - want) < 1e-7, (crps, want)
    low, high = np.quantile(draws, (0.025, 0.975), axis=0)
    assert abs(width - np.mean(high - low)) < 1e-6 and abs(cover - np.mean((low < u) & (u < high))) < 1e-12
    assert abs(l2 - c * norm(mean - u)) < 1e-12 and np.allclose(sd, draws.std(0, ddof=1))
    assert abs(nll - np.mean(np.log(np.sqrt(2 * np.pi) * sd) + (u - mean) ** 2 / (2 * sd**2))) < 1e-12
    alone = pno_scores.of_sample(draws[:1], u)[0]
    assert abs(alone[0] - alone[3]) < 1e-12 and alone[4] == 0 and alone[5] == 0, "one draw: ES is L2, nothing is covered"


def scores_of_gaussian_draws_are_those_of_the_gaussian():
    """CRPS of N(0,1) at 0 is (sqrt 2 - 1) / sqrt pi; a band of many draws covers its level."""
    rng = np.random.default_rng(4)
    draws = rng.standard_normal((100, 40000))
    scores = dict(zip(pno_scores.NAMES, pno_scores.of_sample(draws, np.zeros(40000))[0]))
    assert abs(scores["crps"] - (math.sqrt(2) - 1) / math.sqrt(math.pi)) < 2e-3, scores
    scores = dict(zip(pno_scores.NAMES, pno_scores.of_sample(draws, rng.standard_normal(40000))[0]))
    assert abs(scores["coverage95"] - 0.94) < 0.01, scores  # 100 draws: interpolated quantiles lie a little inside


def the_conformal_factor_is_the_smallest_that_holds():
    rng = np.random.default_rng(5)
    for n, alpha in ((30, 0.05), (100, 0.1), (19, 0.05)):
        ratios = np.abs(rng.standard_normal((n, 50))) * rng.uniform(0.5, 3, (n, 1))
        bound = lambda factor: n / (n + 1) * (ratios > factor).mean() + 1 / (n + 1)
        factor = pno_scores.conformal_factor(ratios, alpha)
        assert bound(factor) <= alpha + 1e-12, (n, bound(factor))
        assert bound(np.nextafter(factor, 0)) > alpha, "a smaller factor would do"
    assert math.isinf(pno_scores.conformal_factor(ratios[:10], 0.05)), "10 samples cannot promise 95 %"


def all_ways_of_drawing_train_the_same_task():
    """Without dropout and noise the draws are equal: the loss of pno_d is that of the deterministic network."""
    x, u = torch.randn(2, 8, 8, 3), torch.randn(2, 8, 8, 1)
    sizes = {"width": 4, "modes": (4, 4), "hidden": 8}
    torch.manual_seed(6)
    model = torch_pno.network("pno_d", **sizes)
    losses = [torch_pno.energy_score(torch_pno.draw(model, method, x, 3, 0.0, one), u).item()
              for method, one in (("none", True), ("pno_d", True), ("pno_d", False))]
    assert max(losses) - min(losses) < 1e-6, losses
    for method in torch_pno.METHODS:
        trainer = torch_pno.Trainer(torch_pno.network(method, **sizes), method, True, 0.1, lr=1e-2)
        losses = [trainer.step(x, 2 * x[..., :1] + 1) for _ in range(100)]
        first, last = sum(losses[:5]), sum(losses[-5:])
        assert last < 0.7 * first, f"{method} does not learn: {first} to {last}"


def main():
    tests = [f for f in globals().values() if callable(f) and getattr(f, "__module__", "") == __name__ and f is not main]
    torch.set_num_threads(1)
    torch.manual_seed(1)
    for test in tests:
        test()
        print("ok", test.__name__.replace("_", " "))
    return 0
