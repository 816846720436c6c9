"""The FNO of Li et al. in JAX: channels last, the whole training step (loss, gradient, Adam) one compiled function whose
buffers are donated. Spectral weights are a real and an imaginary array, so that Adam is that of the other peers."""
import math
import os

import numpy as np

import steps

LAYERS, HEAD = 4, 128


def shapes(args):
    """Tensors in the order of the weight files of check.py; spectra as (k0, .., in, out)."""
    width, dims = args.width, len(args.n)
    dense = [(width, 1 + dims), (width,)] + [(width, width), (width,)] * LAYERS + [(HEAD, width), (HEAD,), (1, HEAD), (1,)]
    return dense, [(2 * args.modes,) * (dims - 1) + (args.modes, width, width)] * LAYERS


def initial(args):
    rng = np.random.default_rng(1)
    dense, spectral = shapes(args)
    params = [rng.uniform(-1, 1, s).astype(np.float32) / math.sqrt(s[-1]) for s in dense]
    return params, [tuple(rng.uniform(0, args.width**-2, s).astype(np.float32) for _ in range(2)) for s in spectral]


def network(args):
    import jax
    import jax.numpy as jnp

    dims, m = len(args.n), args.modes
    axes = tuple(range(1, dims + 1))
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, n, dtype=np.float32) for n in args.n], indexing="ij"), -1)
    grid = np.broadcast_to(grid, (args.batch, *grid.shape))

    def spectral(x, pair):
        x_ft = jnp.fft.rfftn(x, axes=axes)[..., :m, :]
        for axis in axes[:-1]:  # kept modes of leading axes: low, then high
            n = x_ft.shape[axis]
            low, high = (jax.lax.slice_in_dim(x_ft, *ends, axis=axis) for ends in ((0, m), (n - m, n)))
            x_ft = jnp.concatenate((low, high), axis)
        y_ft = jnp.einsum("b...i,...io->b...o", x_ft, jax.lax.complex(*pair))
        for axis, n in zip(axes[:-1], args.n):
            low, high = jnp.split(y_ft, 2, axis)
            gap = jnp.zeros(low.shape[:axis] + (n - 2 * m,) + low.shape[axis + 1:], y_ft.dtype)
            y_ft = jnp.concatenate((low, gap, high), axis)
        rest = args.n[-1] // 2 + 1 - m
        y_ft = jnp.pad(y_ft, [(0, 0)] * dims + [(0, rest), (0, 0)])
        return jnp.fft.irfftn(y_ft, s=args.n, axes=axes)

    def forward(params, x):
        dense, spectra = params
        x = jnp.concatenate((x[..., None], grid), -1) @ dense[0].T + dense[1]
        for i in range(LAYERS):
            x = spectral(x, spectra[i]) + x @ dense[2 + 2 * i].T + dense[3 + 2 * i]
            if i < LAYERS - 1:
                x = jax.nn.gelu(x, approximate=False)
        x = jax.nn.gelu(x @ dense[-4].T + dense[-3], approximate=False)
        return (x @ dense[-2].T + dense[-1])[..., 0]

    def loss(params, x, y):
        out = forward(params, x)
        norm = lambda v: jnp.sqrt(jnp.sum(v.reshape(len(v), -1) ** 2, 1))
        return jnp.mean(norm(out - y) / norm(y)), out

    def train(params, m1, m2, t, x, y):
        (value, out), grad = jax.value_and_grad(loss, has_aux=True)(params, x, y)
        decayed = jax.tree.map(lambda g, p: g + 1e-4 * p, grad, params)
        m1 = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m1, decayed)
        m2 = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, m2, decayed)
        size, root = 1e-3 / (1 - 0.9**t), 1 / jnp.sqrt(1 - 0.999**t)
        params = jax.tree.map(lambda p, m, v: p - size * m / (jnp.sqrt(v) * root + 1e-8), params, m1, m2)
        return params, m1, m2, t + 1, value

    checked = jax.jit(jax.value_and_grad(loss, has_aux=True))
    return jax.jit(forward), jax.jit(train, donate_argnums=(0, 1, 2, 3)), checked


def main():
    args = steps.arguments()
    if args.threads == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    os.environ["JAX_PLATFORMS"] = "cpu"
    import jax
    import jax.numpy as jnp

    x, y = (jnp.asarray(field) for field in steps.fields(args))
    forward, train, checked = network(args)
    params = jax.tree.map(jnp.asarray, initial(args))
    if args.weights:
        import check
        (loss, out), grad = checked(check.load_jax(args), x, y)
        check.save_jax(args, float(loss), out, grad)
        return
    zeros = lambda: jax.tree.map(jnp.zeros_like, params)
    state = [params, zeros(), zeros(), jnp.float32(1)] if args.mode == "train" else None

    def one_step():
        *state[:], value = train(*state, x, y)
        jax.block_until_ready(state)
        return float(value)

    def infer():
        return float(jax.block_until_ready(forward(params, x)).ravel()[0])

    steps.serve(f"jax {jax.__version__}", one_step if args.mode == "train" else infer)


if __name__ == "__main__":
    main()
