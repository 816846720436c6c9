"""Scores of an ensemble in numpy, as the published code of probabilistic neural operators has them (energy score and CRPS
in their fair form), and the recalibration of a pointwise band by conformal risk control."""
import math

import numpy as np

LEAST_SD, LEVEL = 1e-6, 0.95
NAMES = ("energy", "crps", "nll", "l2", "coverage95", "width95")


def pair_distances(draws):
    """The sum of |a - b| over all ordered pairs of rows, by the Gram matrix of centred rows in double."""
    v = draws - draws.mean(0)
    square = np.einsum("ij,ij->i", v, v)
    distances = np.maximum(square[:, None] + square - 2 * (v @ v.T), 0)
    np.fill_diagonal(distances, 0)
    return np.sqrt(distances).sum()


def energy(draws, u):
    m, points = draws.shape
    error = np.linalg.norm(draws - u, axis=1).mean()
    return (error - (pair_distances(draws) / (2 * m * (m - 1)) if m > 1 else 0)) / math.sqrt(points)


def crps(ordered, u):
    """Mean of the fair CRPS of each point; ordered: (points, draws), ascending. Sum of |a - b| over ordered pairs is twice
    the sum of (2 i - m + 1) x_i."""
    m = ordered.shape[1]
    error = np.abs(ordered - u[:, None]).mean()
    if m == 1:
        return error
    return error - (ordered @ (2.0 * np.arange(m) - m + 1)).mean() / (m * (m - 1))


def quantile(ordered, q):
    """Linear between order statistics, as torch.quantile."""
    at = q * (ordered.shape[1] - 1)
    low = int(at)
    high = min(low + 1, ordered.shape[1] - 1)
    return ordered[:, low] + (at - low) * (ordered[:, high] - ordered[:, low])


def of_sample(draws, u):
    """draws: (m, points), u: (points): the scores of NAMES, mean and standard deviation of each point. One channel: more
    would count as points, and c as of all of them. One draw: deviation 0, held at LEAST_SD."""
    draws, u = np.asarray(draws, np.float64), np.asarray(u, np.float64)
    ordered = np.sort(np.ascontiguousarray(draws.T, np.float32), axis=1).astype(np.float64)
    mean = draws.mean(0)
    sd = np.maximum(draws.std(0, ddof=1) if len(draws) > 1 else np.zeros_like(u), LEAST_SD)
    error = u - mean
    nll = (0.5 * np.log(2 * np.pi * sd**2) + 0.5 * (error / sd) ** 2).mean()
    low, high = quantile(ordered, (1 - LEVEL) / 2), quantile(ordered, (1 + LEVEL) / 2)
    scores = (energy(draws, u), crps(ordered, u), nll, math.sqrt((error**2).mean()),
              ((low < u) & (u < high)).mean(), (high - low).mean())
    return np.array(scores), mean, sd


def conformal_factor(ratios, alpha=1 - LEVEL):
    """The smallest factor with n / (n + 1) R + 1 / (n + 1) <= alpha; ratios: (n samples, points) of |u - mean| / sd, R the
    mean part of points outside mean +- factor sd. Infinite where n is too small."""
    n = len(ratios)
    allowed = math.floor(((n + 1) * alpha - 1) / n * ratios.size + 1e-9)
    if allowed < 0:
        return math.inf
    ordered = np.sort(ratios, axis=None)
    return float(ordered[ordered.size - 1 - allowed]) if allowed < ordered.size else 0.0


def standard_error(values):
    return float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan
