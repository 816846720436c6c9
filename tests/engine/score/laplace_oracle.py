"""The Laplace approximation against numpy: laplace_oracle.py DRIVER FOLDER.

The evidence is written out over all weights at once (Kronecker product, slogdet), its maximum is looked for on grids that
shrink, and nothing here knows of eigenvalues or of MacKay's equations."""
import os
import subprocess
import sys

import numpy as np

DRIVER, FOLDER = sys.argv[1:]
DRAWS = 20000


def gelu(x):
    return x * 0.5 * (1 + np.tanh(0.79788456 * (x + 0.044715 * x**3)))


def problem(name, points, f, outputs, noise, rng):
    phi = gelu(rng.normal(size=(points, f)) @ rng.normal(size=(f, f)) / np.sqrt(f))
    phi[:, -1] = 1
    if name == "twins":
        phi[:, 1] = phi[:, 0]
        phi[:, 2] = 0
    true = rng.normal(size=(f, outputs))
    y = phi @ true + noise * rng.normal(size=(points, outputs))
    weights = np.linalg.lstsq(phi, y, rcond=1e-10)[0] if name != "poor" else true + 0.3
    return phi, weights.T.copy(), ((y - phi @ weights) ** 2).sum()


def evidence(log_prior, log_noise, gram, weights, squares, points):
    outputs, f = weights.shape
    prior, noise = np.exp(log_prior), np.exp(log_noise)
    precision = np.kron(np.eye(outputs), gram) / noise + prior * np.eye(outputs * f)
    sign, log_det = np.linalg.slogdet(precision)
    assert sign == 1
    fit = -points * outputs / 2 * np.log(2 * np.pi * noise) - squares / (2 * noise)
    return fit - 0.5 * (prior * (weights**2).sum() + log_det - outputs * f * np.log(prior))


def best_on_grids(value):
    """Maximum by 9 x 9 grids, each half as wide around the best of the one before; the first spans 30 in each logarithm."""
    at, wide = np.array([0.0, 0.0]), 15.0
    while wide > 1e-5:
        around = [at + wide * np.array([a, b]) / 4 for a in range(-4, 5) for b in range(-4, 5)]
        at = max(around, key=lambda p: value(*p))
        wide *= 0.6
    return at


def check(what, have, want, allowed):
    error = np.linalg.norm(np.asarray(have) - want) / max(np.linalg.norm(want), 1e-300)
    print(f"  {what}: relative error {error:.2g}, allowed {allowed:g}")
    return error <= allowed


def run(name, points, f, outputs, noise, rng):
    print(name)
    phi, weights, squares = problem(name, points, f, outputs, noise, rng)
    gram, probe = phi.T @ phi, rng.normal(size=f)
    np.concatenate([[squares, points], gram.ravel(), weights.ravel(), probe]).tofile(os.path.join(FOLDER, "problem"))
    subprocess.run([DRIVER, FOLDER, str(f), str(outputs), str(DRAWS)], check=True)
    result = np.fromfile(os.path.join(FOLDER, "result"))
    (prior, s2, value, variance), draws = result[:4], result[4:].reshape(DRAWS, outputs, f)

    def direct(a, b):
        return evidence(a, b, gram, weights, squares, points)

    at = np.log([prior, s2])
    good = check("evidence", value, direct(*at), 1e-11)
    h = 1e-4
    for j, step in enumerate(h * np.eye(2)):  # of the gradient, in units of the curvature: the way to the maximum
        up, here, down = direct(*(at + step)), direct(*at), direct(*(at - step))
        way = (up - down) / 2 / h / abs((up - 2 * here + down) / h**2)
        print(f"  Newton's step along axis {j}: {way:.2g}")
        good &= abs(way) < 1e-8
    grid = best_on_grids(direct)
    good &= check("maximum on grids", at, grid, 1e-4) and direct(*at) >= direct(*grid) - 1e-9 * abs(value)
    sigma = np.linalg.inv(gram / s2 + prior * np.eye(f))
    good &= check("variance", variance, probe @ sigma @ probe, 1e-9)
    scatter = draws - weights
    good &= check("mean of the draws", draws.mean(0), weights, 5 * np.sqrt(np.trace(sigma) * outputs / DRAWS) / np.linalg.norm(weights))
    all_weights = scatter.reshape(DRAWS, -1)
    # E|C - Sigma|_F^2 = (tr^2 + |Sigma|_F^2) / n for normals; three times its root
    whole = np.kron(np.eye(outputs), sigma)
    allowed = 3 * np.sqrt((np.trace(whole) ** 2 + (whole**2).sum()) / DRAWS) / np.linalg.norm(whole)
    return good & check("covariance of the draws", all_weights.T @ all_weights / DRAWS, whole, allowed)


def main():
    os.makedirs(FOLDER, exist_ok=True)
    rng = np.random.default_rng(5)
    cases = [("plain", 400, 12, 2, 0.1, rng), ("twins", 400, 9, 3, 0.5, rng), ("poor", 60, 7, 1, 1.0, rng),
             ("poor", 8, 8, 1, 1.0, rng), ("poor", 5000, 17, 1, 1e-3, rng)]
    return all([run(*case) for case in cases])


sys.exit(0 if main() else 1)
