"""Kuramoto-Sivashinsky, u_t = -u u_x - u_xx - u_xxxx, on a periodic line in py-pde, which made the PNO paper's data:
finite differences of second order, explicit steps compiled by numba.

    gen_ks.py --way WAY --state u.npy --length 100 [--time 10] [--steps 25000] [--result FILE]    a peer (README.md)
    gen_ks.py --way reference --state u.npy --length 100 [--time 10] --result FILE                py-pde's own limit

A turn is one solution from the state. Ways: `steps` Euler's, all compiled beforehand; `adaptive` the same for
Runge-Kutta with error control, as the paper took it; `call` equation.solve() as one writes it: compiles each time.
`reference`: the same differences with scipy's BDF, so that only the error of the grid is left (explicit steps at 2,048
points would be 4,096 times as many)."""
import argparse
import json
import time

import numpy as np
import scipy.integrate
import scipy.sparse as sparse

import steps


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--way", choices=("steps", "adaptive", "call", "reference"), required=True)
    parser.add_argument("--state", required=True)
    parser.add_argument("--length", type=float, required=True)
    parser.add_argument("--time", type=float, default=10)
    parser.add_argument("--steps", type=int, default=25000)
    parser.add_argument("--result")
    return parser.parse_args()


def reference(args, u):
    """py-pde's differences as circulant matrices."""
    n, h = len(u), args.length / len(u)
    one = sparse.identity(n, format="csr")
    ahead, behind = one[np.roll(np.arange(n), -1)], one[np.roll(np.arange(n), 1)]
    first, second = ((ahead - behind) / (2 * h)).tocsc(), ((ahead - 2 * one + behind) / h**2).tocsc()
    linear = -(second + second @ second)

    def rate(_, v):
        return linear @ v - v * (first @ v)

    def jacobian(_, v):
        return (linear - sparse.diags(first @ v) - sparse.diags(v) @ first).tocsc()

    start = time.perf_counter()
    found = scipy.integrate.solve_ivp(rate, (0, args.time), u, method="BDF", rtol=1e-7, atol=1e-8, jac=jacobian)
    if not found.success:
        raise SystemExit(found.message)
    print(json.dumps({"ms": 1e3 * (time.perf_counter() - start), "steps": len(found.t) - 1}))
    np.save(args.result, found.y[:, -1])


def main():
    args = arguments()
    u = np.load(args.state)
    if args.way == "reference":
        reference(args, u)
        return
    import pde
    equation = pde.PDE({"u": "-u * d_dx(u) - laplace(u + laplace(u))"})
    state = pde.ScalarField(pde.CartesianGrid([[0, args.length]], [len(u)], periodic=True), u)
    dt = args.time / args.steps
    if args.way == "adaptive":
        stepper = pde.solvers.RungeKuttaSolver(equation, backend="numba", adaptive=True).make_stepper(state, dt)
    elif args.way == "steps":
        stepper = pde.solvers.EulerSolver(equation, backend="numba").make_stepper(state, dt)

    def turn():
        state.data[:] = u
        if args.way == "call":
            state.data[:] = equation.solve(state, args.time, dt, solver="euler", backend="numba", tracker=None).data
        else:
            stepper(state, 0, args.time)
        return float(np.abs(state.data).max())

    turn()
    if args.result:
        np.save(args.result, state.data)
    steps.serve(f"py-pde {pde.__version__}, {args.way}", turn)


if __name__ == "__main__":
    main()
