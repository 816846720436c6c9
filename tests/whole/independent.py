"""Initial value problems of `pno gen` solved by other means, in numpy and scipy: other methods where a solution is
smooth, other code for the same difference equations where it is not. `solvers.py` compares.

A solver takes what the first frame of a file holds, {field: array}, the last time t and the parameters p by name, and
returns the fields at t at the same points."""
import numpy as np
import scipy.integrate
import scipy.sparse as sparse
import scipy.sparse.linalg as linalg

SHARP = {"method": "DOP853", "rtol": 1e-9, "atol": 1e-10}


def integrate(rate, state, t, **how):
    """The state at t of state' = rate(state), any shape."""
    found = scipy.integrate.solve_ivp(lambda _, y: rate(y.reshape(state.shape)).ravel(), (0, t), state.ravel(),
                                      t_eval=[t], **(how or SHARP))
    if not found.success:
        raise ValueError(found.message)
    return found.y[:, -1].reshape(state.shape)


def waves(n, length=1.0):
    return 2 * np.pi / length * np.fft.rfftfreq(n, 1 / n)


def finer(u, times):
    """The trigonometric polynomial through the points, at times as many on each axis."""
    for axis in range(u.ndim):
        u = np.moveaxis(u, axis, -1)
        h = np.fft.rfft(u)
        if u.shape[-1] % 2 == 0:
            h[..., -1] /= 2  # the last mode of an even grid is both +-n/2
        u = np.moveaxis(times * np.fft.irfft(h, times * u.shape[-1]), -1, axis)
    return u


def derivative_matrix(n, order, length=1.0):
    """Of the trigonometric polynomial, first or second, n even (Trefethen, Spectral Methods in MATLAB, chapter 3)."""
    h, j = 2 * np.pi / n, np.arange(1, n)
    column = np.zeros(n)
    if order == 1:
        column[1:] = 0.5 * (-1.0) ** j / np.tan(0.5 * h * j)
    else:
        column[0] = -(np.pi**2) / (3 * h**2) - 1 / 6
        column[1:] = -0.5 * (-1.0) ** j / np.sin(0.5 * h * j) ** 2
    return (2 * np.pi / length) ** order * column[np.subtract.outer(np.arange(n), np.arange(n)) % n]


def along_axes(m, u):
    """The sum of the matrix applied along each axis."""
    return m @ u if u.ndim == 1 else m @ u + u @ m.T


def darcy(first, _, p):
    """Five points, the mean of two nodes on the face between them: scipy's direct solver."""
    a = first["a"]
    n0, n1 = (n - 1 for n in a.shape)
    number = np.arange(a.size).reshape(a.shape)
    entries = []
    for axis, n in ((0, n0), (1, n1)):
        low, high = (np.take(number, np.arange(s, s + n), axis).ravel() for s in (0, 1))
        face = 0.5 * (a.ravel()[low] + a.ravel()[high]) * n**2
        entries += [(low, high, -face), (high, low, -face), (low, low, face), (high, high, face)]
    row, column, value = (np.concatenate(x) for x in zip(*entries))
    whole = sparse.csr_matrix((value, (row, column)), (a.size, a.size))
    inner = number[1:-1, 1:-1].ravel()
    u = np.zeros(a.size)
    u[inner] = linalg.spsolve(whole[inner][:, inner].tocsc(), np.full(inner.size, p["beta"]))
    return {"u": u.reshape(a.shape)}


def burgers(first, t, p):
    """Cole and Hopf: u = mean - 2 nu f_x / f, where f obeys the heat equation and moves with the mean."""
    nu, times = p["nu"], 8
    u = finer(first["u"], times)
    mean, k = u.mean(), waves(u.size)
    modes = np.fft.rfft(u - mean)
    modes[1:] /= 1j * k[1:]
    f = np.fft.rfft(np.exp(-np.fft.irfft(modes, u.size) / (2 * nu))) * np.exp(-nu * k**2 * t)
    move = np.exp(-1j * k * mean * t)
    ratio = np.fft.irfft(1j * k * f * move, u.size) / np.fft.irfft(f * move, u.size)
    return {"u": (mean - 2 * nu * ratio)[::times]}


def kuramoto_sivashinsky(first, t, p):
    """Derivatives by matrices, u u_x as it stands, explicit steps of eighth order."""
    u, length = first["u"], p["length"]
    one, two = (derivative_matrix(u.size, order, length) for order in (1, 2))
    linear = -two - two @ two
    return {"u": integrate(lambda v: linear @ v - p["advection"] * v * (one @ v), u, t)}


def navier_stokes(first, t, p):
    """u . grad w with both factors as they are, on a grid twice as fine so that no product is aliased."""
    times = 2
    w = finer(first["w"], times)
    n = w.shape[0]
    x, y = 2 * np.pi * np.fft.fftfreq(n, 1 / n)[:, None], waves(n)[None, :]
    square = x**2 + y**2
    inverse = np.divide(1, square, out=np.zeros_like(square), where=square > 0)
    at = 2 * np.pi * np.add.outer(np.arange(n), np.arange(n)) / n
    force = p["forcing"] * (np.sin(at) + np.cos(at))

    def rate(w):
        h = np.fft.rfft2(w)
        part = lambda factor: np.fft.irfft2(factor * h, (n, n))
        u, v, w_x, w_y = (part(factor) for factor in (1j * y * inverse, -1j * x * inverse, 1j * x, 1j * y))
        return force - part(p["nu"] * square) - u * w_x - v * w_y

    return {"w": integrate(rate, w, t, method="DOP853", rtol=1e-5, atol=1e-7)[::times, ::times]}


def heat(first, t, p):
    """Differences of eighth order, explicit steps: no Fourier series."""
    weights = np.array([-205 / 72, 8 / 5, -1 / 5, 8 / 315, -1 / 560])
    u = first["u"]

    def rate(v):
        sums = [sum(w * (np.roll(v, s, axis) + np.roll(v, -s, axis)) / (1 + (s == 0)) for s, w in enumerate(weights))
                for axis in range(v.ndim)]
        return p["kappa"] * sum(n**2 * s for n, s in zip(v.shape, sums))

    return {"u": integrate(rate, u, t)}


def wave(first, t, p):
    """The system u' = v, v' = c^2 Laplace u in time, second derivatives by matrices."""
    state = np.stack([first["u"], first["u_t"]])
    two = p["c"] ** 2 * derivative_matrix(state.shape[1], 2)
    u, v = integrate(lambda s: np.stack([s[1], along_axes(two, s[0])]), state, t)
    return {"u": u, "u_t": v}


def advection(first, t, p):
    """u' = -beta u_x in time, the derivative by a matrix: of smooth samples."""
    u = first["u"]
    one = -p["beta"] * derivative_matrix(u.size, 1)
    return {"u": integrate(lambda v: one @ v, u, t)}


def diffusion_sorption(first, t, p):
    """Nodes with both ends in place of cells, R(u) u_t in place of c(u)_t, banded LSODA; then means over the cells."""
    cells = first["u"].size
    m = 4096 // cells * cells
    guard = 1e-6
    sorbed = (1 - p["porosity"]) / p["porosity"] * p["density"] * p["k_f"] * p["n_f"]
    u = np.full(m + 1, first["u"].mean())
    u[0] = 1
    pull = p["diffusion"] * m**2

    def rate(_, u):
        beyond = u[-2] - 2 * u[-1] / (m * p["diffusion"])  # -D u_x = u at the last node
        second = np.zeros_like(u)
        second[1:-1] = u[2:] - 2 * u[1:-1] + u[:-2]
        second[-1] = beyond - 2 * u[-1] + u[-2]
        return pull * second / (1 + sorbed * (np.maximum(u, 0) + guard) ** (p["n_f"] - 1))

    found = scipy.integrate.solve_ivp(rate, (0, t), u, method="LSODA", lband=1, uband=1, rtol=1e-8, atol=1e-10,
                                      t_eval=[t])
    whole = np.concatenate([[0], np.cumsum(0.5 * (found.y[1:, -1] + found.y[:-1, -1])) / m])
    return {"u": cells * np.diff(whole[:: m // cells])}


def diffusion_reaction(first, t, p):
    """The same cells, as noise belongs to its grid: a sparse matrix, explicit steps of eighth order."""
    state = np.stack([first["u"], first["v"]])
    lines = []
    for n in state.shape[1:]:
        d = np.full(n, -2.0)
        d[[0, -1]] = -1
        lines.append(sparse.diags([np.ones(n - 1), d, np.ones(n - 1)], [-1, 0, 1]) * (n / 2) ** 2)
    laplace = sparse.kronsum(lines[1], lines[0], format="csr")
    r = p["reaction"]

    def rate(s):
        u, v = s.reshape(2, -1)
        return np.stack([p["du"] * (laplace @ u) + r * (u - u**3 - p["k"] - v), p["dv"] * (laplace @ v) + r * (u - v)])

    u, v = integrate(rate, state, t)
    return {"u": u, "v": v}


def slope(u):
    """Monotonized central, along the first axis, for all but the outer cells."""
    a, b = u[1:-1] - u[:-2], u[2:] - u[1:-1]
    return np.where(a * b > 0, np.sign(a) * np.minimum(np.minimum(2 * abs(a), 2 * abs(b)), abs(a + b) / 2), 0)


def water_fluxes(h, along, across):
    """Through the faces across the first axis of water on a flat bottom, and the greatest wave speed: slopes of h and
    of the velocities, the means of the momenta kept; HLL with Einfeldt's speeds."""
    ghost = lambda x: np.concatenate([x[:1], x[:1], x, x[-1:], x[-1:]])
    h, u, v = ghost(h), ghost(along / h), ghost(across / h)
    half, du, dv = slope(h) / 2, slope(u) / 2, slope(v) / 2
    h, u, v = h[1:-1], u[1:-1], v[1:-1]
    low = (h - half, u - du * (h + half) / h, v - dv * (h + half) / h)
    high = (h + half, u + du * (h - half) / h, v + dv * (h - half) / h)
    (hl, ul, vl), (hr, ur, vr) = [x[:-1] for x in high], [x[1:] for x in low]
    cl, cr = np.sqrt(hl), np.sqrt(hr)
    mean, speed = (cl * ul + cr * ur) / (cl + cr), np.sqrt((hl + hr) / 2)
    sl = np.minimum(0, np.minimum(ul - cl, mean - speed))
    sr = np.maximum(0, np.maximum(ur + cr, mean + speed))
    hll = lambda fl, fr, l, r: (sr * fl - sl * fr + sl * sr * (r - l)) / (sr - sl)
    mass = hll(hl * ul, hr * ur, hl, hr)
    push = hll(hl * ul**2 + hl**2 / 2, hr * ur**2 + hr**2 / 2, hl * ul, hr * ur)
    return mass, push, mass * np.where(mass > 0, vl, vr), max(-sl.min(), sr.max())


def shallow_water(first, t, _):
    """A dam that breaks has no smooth solution: the finite volumes of engine/pde/shallow_water.c by their description,
    for a flat bottom; two stages a step and its rule for the step."""
    state = np.stack([first["h"], first["momentum"][..., 0], first["momentum"][..., 1]])
    per = [n / 5 for n in state.shape[1:]]

    def rate(s):
        h, p, q = s
        m0, p0, q0, a0 = water_fluxes(h, p, q)
        m1, q1, p1, a1 = (x.T if np.ndim(x) else x for x in water_fluxes(h.T, q.T, p.T))
        down, across = lambda f: np.diff(f, axis=0) * per[0], lambda f: np.diff(f, axis=1) * per[1]
        change = np.stack([down(m0) + across(m1), down(p0) + across(p1), down(q0) + across(q1)])
        return -change, 2 * (a0 * per[0] + a1 * per[1])

    left = t
    while left > 0:
        change, limit = rate(state)
        dt = left / max(1, np.ceil(left * limit / 0.9))
        stage = state + dt * change
        state, left = (state + stage + dt * rate(stage)[0]) / 2, left - dt if dt < left else 0
    return {"h": state[0], "momentum": np.stack([state[1], state[2]], -1)}


def compressible(first, t, p):
    """Periodic and viscous, hence smooth: conserved quantities as Fourier series, explicit steps of eighth order. The file
    has means over cells, which are a series divided by that of its cell."""
    rho, v, n, m = first["rho"], first["v"], first["rho"].size, 256
    k = waves(m)
    cell = np.sinc(k / (2 * np.pi * n))
    derivative = lambda f: np.fft.irfft(1j * k * np.fft.rfft(f), m)
    pressure = lambda r, q, e: (p["gamma"] - 1) * (e - q**2 / r / 2)
    viscosity = 4 / 3 * p["eta"] + p["zeta"]

    def at_points(mean):
        h = np.zeros(k.size, complex)
        few = min(n, m) // 2
        h[:few] = np.fft.rfft(mean)[:few] * m / n / cell[:few]
        return np.fft.irfft(h, m)

    def means(f):
        h = np.zeros(n // 2 + 1, complex)
        few = min(n, m) // 2
        h[:few] = (np.fft.rfft(f) * cell)[:few] * n / m
        return np.fft.irfft(h, n)

    def rate(s):
        r, q, e = s
        u = q / r
        stress = viscosity * (r if p["kinematic"] else 1) * derivative(u)
        push = pressure(r, q, e) - stress
        return -np.stack([derivative(q), derivative(q * u + push), derivative((e + push) * u)])

    state = np.stack([at_points(f) for f in (rho, rho * v, first["p"] / (p["gamma"] - 1) + rho * v**2 / 2)])
    r, q, e = (means(f) for f in integrate(rate, state, t, method="DOP853", rtol=1e-8, atol=1e-9))
    return {"rho": r, "v": q / r, "p": pressure(r, q, e)}
