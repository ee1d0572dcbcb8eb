"""Whether seeds in one graph are trained faster than one by one: `benchmark.py --stacked`.

A prototype: GANs of points of the plane, whose kernels are stacked along a first axis of seeds.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

from bench import arithmetic, start
from pages import markdown

SEEDS = 5
BATCH = 100
LAYERS = {"generator": (2, 128, 128, 2), "discriminator": (2, 128, 128, 1)}


def step_of(seeds: int, compiled: bool) -> Callable[[], Any]:
    """One step of so many GANs in one graph: each moves its discriminator, then its generator."""
    import keras
    import tensorflow as tf

    data = tf.random.stateless_normal([seeds, BATCH, 2], [0, 0])
    initial = keras.initializers.GlorotUniform(seed=0)
    weights, optimizers = {}, {}
    for role, widths in LAYERS.items():
        kernels = [
            tf.Variable(tf.stack([initial([a, b])] * seeds)) for a, b in zip(widths, widths[1:])
        ]
        biases = [tf.Variable(tf.zeros([seeds, 1, b])) for b in widths[1:]]
        weights[role] = [*kernels, *biases]
        optimizers[role] = keras.optimizers.Adam(5e-4, beta_1=0.5)
        optimizers[role].build(weights[role])

    def apply(role: str, x: tf.Tensor) -> tf.Tensor:
        count = len(LAYERS[role]) - 1
        for index in range(count):
            x = tf.linalg.matmul(x, weights[role][index]) + weights[role][count + index]
            x = tf.nn.relu(x) if index + 1 < count else x
        return x

    def move(role: str, loss_of: Callable[[], tf.Tensor]) -> tf.Tensor:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights[role])
            loss = loss_of()
        gradients = tape.gradient(loss, weights[role])
        optimizers[role].apply(gradients, weights[role])
        return loss

    @tf.function(autograph=False, jit_compile=compiled)
    def step() -> tf.Tensor:
        z = tf.random.normal([2, seeds, BATCH, 2])
        fake = apply("generator", z[0])
        of = lambda x: apply("discriminator", x)
        each = lambda losses: tf.reduce_sum(losses) / BATCH  # the mean of each seed, then all
        move("discriminator", lambda: each(tf.nn.softplus(-of(data)) + tf.nn.softplus(of(fake))))
        fooled = lambda: each(tf.nn.softplus(-of(apply("generator", z[1]))))
        return move("generator", fooled)

    return step


def table(rounds: int, seconds: float, threads: int | None) -> str:
    """Steps a second of all seeds together as a Markdown table, the best of rounds in turn.

    Args:
        rounds: how many.
        seconds: of each measurement in a round.
        threads: of TensorFlow, None for one a core.
    """
    start.tensorflow(threads)
    cases = [(seeds, compiled) for compiled in (False, True) for seeds in (1, SEEDS)]
    steps = {case: step_of(*case) for case in cases}
    for call in steps.values():
        call()
    times: dict[Sequence[Any], list[float]] = {case: [] for case in cases}
    for _ in range(rounds):
        for case, call in steps.items():
            times[case].append(arithmetic.seconds(call, seconds))
    heads = ("seeds in one graph", "XLA", "steps/s of all seeds", "over one alone", "rounds")
    lines = markdown.header(*heads)
    for seeds, compiled in cases:
        ratios = [
            seeds * one / many for one, many in zip(times[1, compiled], times[seeds, compiled])
        ]
        best = {n: n / min(times[n, compiled]) for n in (1, seeds)}
        cells = (str(seeds), "yes" if compiled else "no", f"{best[seeds]:,.0f}")
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        lines.append(markdown.row(*cells, f"{best[seeds] / best[1]:.2f}", spread))
    wide = ", ".join("-".join(map(str, widths)) for widths in LAYERS.values())
    lines += ["", f"GANs of {wide} units, batch {BATCH}, {threads or os.cpu_count()} threads."]
    return "\n".join(lines)
