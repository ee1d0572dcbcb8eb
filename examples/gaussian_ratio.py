"""How well each ratio loss finds the log ratio of two Gaussians, which is known.

    python examples/gaussian_ratio.py

Data are draws of N(m, 1), the reference those of N(-m, 1), m = 0.4: log r(x) = 2 m x. A network of
one hidden layer learns it by each loss of `density_ratio`. Prints the largest and the mean error of
log r on [-2, 2], where it ranges over 3.2 nats, of a few seeds.

Reference: Sugiyama, Suzuki, Kanamori, Density ratio estimation in machine learning, 2012; Mohamed
and Lakshminarayanan, Learning in implicit generative models, arXiv 1610.03483.
"""

import argparse

import keras
import numpy as np

import zoo
from zoo.registry import hyper_parameters

M = 0.4  # half the distance of the means


def main(arguments=None):
    """Losses to a table of errors."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=400, help="of each loss and seed")
    parser.add_argument("--examples", type=int, default=20_000, help="of each of the two")
    given = parser.parse_args(arguments)
    print("loss", "largest error", "mean error", "in nats, of seeds", given.seeds, sep="\t")
    for loss in hyper_parameters("density_ratio")["ratio_loss"].choices:
        errors = [error(loss, seed, given) for seed in range(given.seeds)]
        largest = max(each.max() for each in errors)
        print(loss, f"{largest:.3f}", f"{np.mean(errors):.3f}", sep="\t")


def error(loss, seed, given):
    """|log r - 2 m x| on 41 points of [-2, 2], nats."""
    random = np.random.default_rng(seed)
    shape = (given.examples, 1)
    x, reference = (random.normal(mean, 1.0, shape).astype(np.float32) for mean in (M, -M))
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Dense(16, activation="tanh"), keras.layers.Dense(1)]
    model = zoo.create(
        "density_ratio",
        image_shape=(1,),
        ratio_loss=loss,
        discriminator=keras.Sequential([keras.layers.Input([1]), *layers]),
        learning_rate=0.01,
        lr_schedule="linear",
        decay_from=2 * given.steps // 5,
        decay_steps=3 * given.steps // 5,
        seed=seed,
    )
    model.compile(steps_per_execution=20)
    epochs = max(1, given.steps * 1000 // given.examples)
    model.fit({"x": x, "x_reference": reference}, batch_size=1000, epochs=epochs, verbose=0)
    grid = np.linspace(-2.0, 2.0, 41, dtype=np.float32)[:, None]
    return np.abs(model.log_ratio(grid).numpy() - 2 * M * grid[:, 0])


if __name__ == "__main__":
    main()
