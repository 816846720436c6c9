"""-div(a grad u) = 1 on the unit square, u = 0 on the boundary, second-order differences with the arithmetic mean of
two nodes on the face between them (Li et al.'s solve_gwf.m): the matrix of engine/pde/darcy.h, by scipy and pyamg.

    gen_darcy.py --way WAY --state a.npy [--tolerance 1e-10] [--result FILE]    a peer (README.md)

Ways: `spsolve` scipy's direct solver as it is called, `splu` the same told that the matrix is symmetric; `amg-rs`,
`amg-sa` conjugate gradients with pyamg's classical or smoothed aggregation multigrid. A turn is one solution from the
matrix in the format that the solver wants; making the matrix is not timed."""
import argparse

import numpy as np
import scipy.sparse as sparse
import scipy.sparse.linalg as linalg

import steps


def matrix(a):
    """The operator times h^2 at the inner nodes."""
    n = a.shape[0] - 2
    east, north = 0.5 * (a[1:-1, 1:] + a[1:-1, :-1]), 0.5 * (a[1:, 1:-1] + a[:-1, 1:-1])
    centre = east[:, 1:] + east[:, :-1] + north[1:] + north[:-1]
    right = np.hstack([-east[:, 1:-1], np.zeros((n, 1))]).ravel()[:-1]  # none from the end of a row to the next
    down = -north[1:-1].ravel()
    return sparse.diags([centre.ravel(), right, right, down, down], [0, 1, -1, n, -n], format="csr")


def solver_of(way, m, b, tolerance):
    if way == "spsolve":
        c = m.tocsc()
        return lambda: linalg.spsolve(c, b, use_umfpack=False)
    if way == "splu":
        c = m.tocsc()
        options = {"permc_spec": "MMD_AT_PLUS_A", "diag_pivot_thresh": 0.0, "options": {"SymmetricMode": True}}
        return lambda: linalg.splu(c, **options).solve(b)
    import pyamg
    setup = {"amg-rs": pyamg.ruge_stuben_solver, "amg-sa": pyamg.smoothed_aggregation_solver}[way]
    return lambda: setup(m).solve(b, tol=tolerance, accel="cg", maxiter=200)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--way", choices=("spsolve", "splu", "amg-rs", "amg-sa"), required=True)
    parser.add_argument("--state", required=True)
    parser.add_argument("--tolerance", type=float, default=1e-10)
    parser.add_argument("--result")
    args = parser.parse_args()
    a = np.load(args.state)
    m = matrix(a)
    b = np.full(m.shape[0], 1.0 / (a.shape[0] - 1) ** 2)
    solve = solver_of(args.way, m, b, args.tolerance)
    u = solve()
    residual = float(np.linalg.norm(b - m @ u) / np.linalg.norm(b))
    if args.result:
        np.save(args.result, np.pad(u.reshape(a.shape[0] - 2, -1), 1))
    if not residual <= args.tolerance:
        print('{"error": "residual %.2e"}' % residual, flush=True)
        return
    steps.serve(f"{args.way}, residual {residual:.1e}", lambda: float(abs(solve()).max()))


if __name__ == "__main__":
    main()
