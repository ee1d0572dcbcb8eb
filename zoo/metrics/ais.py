"""log p(x) of decoder models by annealed importance sampling, and how far off it may be.

A path of densities leads from one that is sampled exactly, s(z), to the joint of a model and x:

    f_b(z) = s(z)^(1 - b) p(x, z)^b,   b = b_0 = 0, ..., b_T = 1
    log w = sum_t (b_t - b_(t-1)) (log p(x, z_t) - log s(z_t)),   E w = p(x)

z_1 ~ s, and each z_(t+1) is one transition of Hamiltonian Monte Carlo from z_t that leaves f_(b_t)
as it is. The mean of log w is a lower bound of log p(x); run backwards from an exact draw of
p(z|x), which simulated data come with, it is an upper one (bidirectional Monte Carlo).

The step sizes are adapted by chains of their own and then kept: chains that adapt as they are
measured leave no f_b quite as it is, and are no bound.

Reference: Neal, Annealed importance sampling, arXiv physics/9803008; Wu et al., On the quantitative
    analysis of decoder-based generative models, arXiv 1611.04273; Grosse et al., Sandwiching the
    marginal likelihood, arXiv 1511.02543; steps: Neal, MCMC using Hamiltonian dynamics,
    arXiv 1206.1901.
"""

from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import tensorflow as tf

from zoo import checks, distributions, seeds
from zoo.data import Dataset
from zoo.errors import refusal, unknown
from zoo.losses.likelihood import iwae_bound
from zoo.metrics import fits
from zoo.metrics.likelihood import kind
from zoo.metrics.measure import Measure, Metric, mean_of
from zoo.metrics.simulation import simulate
from zoo.metrics.subject import Protocol, Subject
from zoo.model import GenerativeModel

EXAMPLES = 100  # of a split that are measured, as Wu et al. did on simulated data
CHAINS, STEPS = Protocol.ais_chains, Protocol.ais_steps  # an example; T
LEAPFROGS = 10  # a transition
PILOTS = 2  # chains an example that adapt the step size
ACCEPTANCE, GAIN, FIRST_STEP = 0.65, 0.1, 0.5  # which they aim at; of log step a transition
JITTER = 0.2  # the step is multiplied by 1 +- this, lest trajectories close on themselves
SLOPE = 4.0  # of the sigmoid in the schedule, as Wu et al.
ROWS = 1_000  # chains a call: bounds memory
Start = Literal["prior", "posterior"]  # s(z)
STARTS = get_args(Start)


def ais(
    model: GenerativeModel,
    x: np.ndarray,
    y: np.ndarray | None = None,
    *,
    chains: int = CHAINS,
    steps: int = STEPS,
    start: Start | None = None,
    seed: int = 0,
) -> Measure:
    """Mean log p(x) in nats, a lower bound in expectation.

    Args:
        model: a model whose p(x|z) is a likelihood of x and whose codes are continuous.
        x: [N, *image_shape].
        y: labels [N], for conditional models.
        chains: an example, int >= 1; their weights are averaged.
        steps: T, int >= 2.
        start: s(z): "prior", or "posterior" for q(z|x), which must be Gaussian; None takes the
            second where it can.
        seed: of all noise.

    Raises:
        ValueError: an unknown start.
    """
    start = _start(model, start)
    found = _bounds(model, x, y, None, chains, steps, start, seed)
    protocol = (
        f"mean log p(x) in nats of {len(x)} examples, a lower bound in expectation, by annealed "
        f"importance sampling: {_words(chains, steps, start, found)}"
    )
    return mean_of(found["lower"], protocol)


def ais_gap(
    model: GenerativeModel,
    n: int,
    y: np.ndarray | None = None,
    *,
    chains: int = CHAINS,
    steps: int = STEPS,
    start: Start | None = None,
    seed: int = 0,
) -> Measure:
    """Mean upper minus lower bound of log p(x) in nats, of data that the model simulates.

    Both are right where it is near 0. It tells of `ais` as far as data are like samples.

    Args:
        n: examples, int >= 1.
        y: labels [n], for conditional models.
        Others as `ais`.
    """
    start = _start(model, start)
    x, z = simulate(model, n, y, seed)
    found = _bounds(model, x, y, z, chains, steps, start, seed)
    protocol = (
        "mean difference in nats of an upper and a lower bound of log p(x), by annealed importance "
        f"sampling back and forth, of {n} examples drawn from the model: "
        f"{_words(chains, steps, start, found)}"
    )
    return mean_of(found["upper"] - found["lower"], protocol)


def bounds(
    model: GenerativeModel,
    x: tf.Tensor,
    z: tf.Tensor,
    y: np.ndarray | None = None,
    *,
    chains: int = CHAINS,
    steps: int = STEPS,
    start: Start | None = None,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """(lower, upper), float64 [N] nats each: in expectation bounds of log p(x).

    Args:
        x, z: as `simulate` gives them.
        Others as `ais`.
    """
    found = _bounds(model, x, y, z, chains, steps, _start(model, start), seed)
    return found["lower"], found["upper"]


def schedule(steps: int) -> np.ndarray:
    """b_0 = 0, ..., b_T = 1, float32 [T + 1]: a sigmoid's, slow at both ends."""
    if checks.whole(steps, "steps") < 2:
        raise ValueError(refusal("steps", "an int >= 2", steps))
    sigmoid = 1.0 / (1.0 + np.exp(-SLOPE * np.linspace(-1.0, 1.0, steps + 1)))
    return ((sigmoid - sigmoid[0]) / (sigmoid[-1] - sigmoid[0])).astype(np.float32)


# --- examples -> bounds -----------------------------------------------------------------------


def _start(model: GenerativeModel, start: Start | None) -> Start:
    if start is None:
        return "posterior" if fits.encodes_normally(model) else "prior"
    if start not in STARTS:
        raise unknown("start", start, STARTS)
    return start


def _words(chains: int, steps: int, start: Start, found: dict[str, np.ndarray]) -> str:
    s = {"prior": "p(z)", "posterior": "q(z|x)"}[start]
    return (
        f"{chains} chains of {steps} steps from {s}, {LEAPFROGS} leapfrogs a step, "
        f"{found['acceptance'].mean():.2f} accepted"
    )


def _bounds(
    model: GenerativeModel, x: Any, y: Any, z: Any, chains: int, steps: int, start: Start, seed: int
) -> dict[str, np.ndarray]:
    """{"lower", "acceptance"[, "upper"]}, float64 [N] each, `upper` if z is given."""
    chains, betas = checks.whole(chains, "chains"), schedule(steps)

    @tf.function(autograph=False, reduce_retracing=True)
    def traced(x: tf.Tensor, y: Any, z: Any, seed: tf.Tensor) -> dict[str, tf.Tensor]:
        pilots, path = (_Path(model, x, y, k, start) for k in (PILOTS, chains))
        _, step_sizes, _ = _anneal(pilots, pilots.draw(seed, "pilots"), betas, seed, "pilots")
        log_weights, _, acceptance = _anneal(
            path, path.draw(seed, "forward"), betas, seed, "forward", step_sizes
        )
        found = {"lower": iwae_bound(log_weights), "acceptance": acceptance}
        if z is not None:
            log_weights, _, _ = _anneal(
                path,
                tf.repeat(z, chains, axis=0),
                betas[::-1],
                seed,
                "backward",
                step_sizes[::-1],
            )
            found["upper"] = -iwae_bound(log_weights)
        return found

    size, parts = max(1, ROWS // chains), []
    for first in range(0, len(x), size):
        given = (
            None if a is None else tf.convert_to_tensor(a[first : first + size]) for a in (x, y, z)
        )
        found = traced(*given, seeds.fold(seed, "ais", first))
        parts.append({name: np.asarray(value, np.float64) for name, value in found.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


# --- one run of every chain -------------------------------------------------------------------


class _Point(NamedTuple):
    """Codes, the logs of both ends of the path there, and their slopes."""

    z: tf.Tensor  # [R, d]
    start: tf.Tensor  # log s(z), [R]
    joint: tf.Tensor  # log p(x, z), [R]
    start_slope: tf.Tensor  # [R, d]
    joint_slope: tf.Tensor  # [R, d]

    def log_density(self, beta: tf.Tensor) -> tf.Tensor:
        return (1.0 - beta) * self.start + beta * self.joint

    def slope(self, beta: tf.Tensor) -> tf.Tensor:
        return (1.0 - beta) * self.start_slope + beta * self.joint_slope


class _Path:
    """From s(z) to p(x, z), for several chains an example: R = B chains rows.

    Attributes:
        scale: of the steps in each dimension, [R, d] or 1.
    """

    def __init__(
        self, model: GenerativeModel, x: tf.Tensor, y: tf.Tensor | None, chains: int, start: Start
    ) -> None:
        self.chains = chains
        x, y = (None if a is None else tf.repeat(a, chains, axis=0) for a in (x, y))
        self.rows = tf.shape(x)[0]
        self._log_joint = lambda z: model.log_joint_rows(x, z, y)
        # Whatever has networks, as a learned prior, is asked on the weights that the verbs use.
        self._inference = model.inference
        with self._inference():
            self._start, self.scale = model.prior, 1.0
        if start == "posterior":
            q = model.encode_rows(x, tf.zeros([self.rows], tf.int64), y)
            self._start = distributions.rebuild("normal", q)
            self.scale = q["scale"]

    def draw(self, seed: tf.Tensor, place: str) -> tf.Tensor:
        """z ~ s, [R, d]."""
        rows = seeds.row_seeds(self.rows, seed)
        with self._inference():
            return distributions.sample_rows(self._start, rows, place)

    def at(self, z: tf.Tensor) -> _Point:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(z)
            with self._inference():
                ends = self._start.log_prob(z), self._log_joint(z)
        slopes = (tape.gradient(end, z, unconnected_gradients="zero") for end in ends)
        return _Point(z, *ends, *slopes)


def _anneal(
    path: _Path,
    z: tf.Tensor,
    betas: np.ndarray,
    seed: tf.Tensor,
    place: str,
    step_sizes: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Leads every chain from betas[0] to betas[-1].

    Args:
        z: [R, d], where they begin.
        betas: [T + 1], rising or falling.
        seed: int32 [2].
        place: name of this run.
        step_sizes: [T - 1, B], of transitions; None adapts them.

    Returns:
        (log weights [B, chains], step sizes [T - 1, B], share accepted [B]).
    """
    last, adapts = len(betas) - 1, step_sizes is None
    betas, seed = tf.constant(betas), seeds.fold(seed, place)
    examples = path.rows // path.chains
    first = tf.fill([examples], FIRST_STEP)

    def transition(
        t: tf.Tensor,
        point: _Point,
        log_weights: tf.Tensor,
        step: tf.Tensor,
        used: tf.TensorArray,
        accepted: tf.Tensor,
    ) -> tuple[Any, ...]:
        if step_sizes is not None:
            step = step_sizes[t - 1]
        used = used.write(t - 1, step)
        point, chance = _hmc(
            path, point, betas[t], tf.repeat(step, path.chains), seeds.fold(seed, t)
        )
        log_weights += (betas[t + 1] - betas[t]) * (point.joint - point.start)
        chance = tf.reduce_mean(tf.reshape(chance, [-1, path.chains]), axis=1)
        if adapts:
            step *= tf.exp(GAIN * (chance - ACCEPTANCE))
        return t + 1, point, log_weights, step, used, accepted + chance / (last - 1)

    point = path.at(z)
    _, _, log_weights, _, used, accepted = tf.while_loop(
        lambda t, *_: t < last,
        transition,
        (
            1,
            point,
            (betas[1] - betas[0]) * (point.joint - point.start),
            first,
            tf.TensorArray(tf.float32, last - 1, element_shape=[None]),
            tf.zeros_like(first),
        ),
        parallel_iterations=1,
    )
    return tf.reshape(log_weights, [-1, path.chains]), used.stack(), accepted


def _hmc(
    path: _Path, point: _Point, beta: tf.Tensor, step: tf.Tensor, seed: tf.Tensor
) -> tuple[_Point, tf.Tensor]:
    """One transition that leaves f_beta as it is, and the chance [R] it had to be accepted.

    Args:
        step: [R], times `path.scale` in each dimension.
    """
    rows = tf.shape(point.z)[0]
    jitter = 1.0 + JITTER * (
        2.0 * distributions.noise("uniform", [rows], seeds.fold(seed, "jitter")) - 1.0
    )
    step = (step * jitter)[:, None] * path.scale
    momentum = distributions.noise("normal", tf.shape(point.z), seeds.fold(seed, "momentum"))

    def leap(i: tf.Tensor, proposal: _Point, velocity: tf.Tensor) -> tuple[Any, ...]:
        proposal = path.at(proposal.z + step * velocity)
        return i + 1, proposal, velocity + step * proposal.slope(beta)

    half = momentum + 0.5 * step * point.slope(beta)
    _, proposal, velocity = tf.while_loop(
        lambda i, *_: i < LEAPFROGS, leap, (0, point, half), parallel_iterations=1
    )
    velocity -= 0.5 * step * proposal.slope(beta)
    energies = [0.5 * tf.reduce_sum(tf.square(v), axis=1) for v in (momentum, velocity)]
    log_chance = proposal.log_density(beta) - point.log_density(beta) + energies[0] - energies[1]
    chance = tf.exp(tf.minimum(log_chance, 0.0))
    chance = tf.where(tf.math.is_finite(log_chance), chance, 0.0)  # a trajectory that diverged
    accept = distributions.noise("uniform", [rows], seeds.fold(seed, "accept")) < chance
    choose = lambda new, old: tf.where(accept[:, None] if new.shape.rank == 2 else accept, new, old)
    return tf.nest.map_structure(choose, proposal, point), chance


# --- of a subject -----------------------------------------------------------------------------


def _first(s: Subject) -> tuple[np.ndarray, np.ndarray | None]:
    """(x, labels) of the first examples, labels None unless the model is conditional."""
    y = s.labels(s.arrays)
    return s.x[:EXAMPLES], None if y is None else y[:EXAMPLES]


def _chains(s: Subject) -> dict[str, Any]:
    return {"chains": s.protocol.ais_chains, "steps": s.protocol.ais_steps, "seed": s.seed}


def _ais(s: Subject) -> Measure:
    return ais(s.model, *_first(s), **_chains(s)).noted(f"p(x) is {kind(s)}")


def _ais_gap(s: Subject) -> Measure:
    x, y = _first(s)
    return ais_gap(s.model, len(x), y, **_chains(s))


def _has_density_of_codes(model: GenerativeModel, dataset: Dataset) -> bool:
    """Whether p(x|z) is a likelihood of the data, at codes that can be moved."""
    if "decode" not in model.capabilities or model.levels > 1 or model.code_classes is not None:
        return False
    proper = model.proper_likelihood(dataset.binary)
    return proper and distributions.is_likelihood(fits.likelihood(model), dataset.binary)


METRICS = {
    "ais": Metric(
        _has_density_of_codes,
        _ais,
        help="log p(x) by annealed importance sampling, nats: a lower bound in expectation",
        better="higher",
        only_asked=True,
    ),
    "ais_gap": Metric(
        _has_density_of_codes,
        _ais_gap,
        help="distance of an upper from a lower bound on the model's own samples, nats; 0 is exact",
        better="lower",
        only_asked=True,
    ),
}
