"""Data and samples on two disjoint lines: which games still move the generator.

    python examples/disjoint_lines.py

In R^d, a line of data and the line on which a linear generator starts share no point. Then the
Jensen-Shannon divergence is log 2 wherever the generator's line lies, and tells it nothing; what it
learns it learns from how steep the discriminator is. Prints each game's distance from the data,
first and last, and writes disjoint_lines.png, the distances over the steps.

The generator moves by plain gradient descent: Adam would scale a vanishing gradient up again.

Reference: Fedus et al., Many paths to equilibrium, arXiv 1710.08446; Arjovsky and Bottou, Towards
principled methods for training generative adversarial networks, arXiv 1701.04862, section 2.
"""

import argparse

import keras
import numpy as np
from matplotlib.figure import Figure

import zoo

GAMES = {
    "minimax": {"generator_loss": "minimax"},
    "non-saturating": {"generator_loss": "non_saturating"},
    "minimax, penalty": {"generator_loss": "minimax", "penalty": "two_sided"},
    "non-saturating, penalty": {"generator_loss": "non_saturating", "penalty": "two_sided"},
    "non-saturating, DRAGAN": {"generator_loss": "non_saturating", "penalty": "dragan"},
    "Wasserstein, penalty": {"discriminator_loss": "wasserstein", "penalty": "two_sided"},
}
BATCH = 100
EVERY = 50  # steps between two points of a curve


def main(arguments=None):
    """Games to a table and a picture, whose path is printed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dimensions", type=int, default=16, help="d, at least 3")
    parser.add_argument("--steps", type=int, default=2000, help="of each game")
    parser.add_argument("--learning_rate", type=float, default=0.02, help="the generator's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="disjoint_lines.png", help="the picture")
    given = parser.parse_args(arguments)
    if given.dimensions < 3 or given.steps < EVERY:
        parser.error(f"needs three dimensions, in which lines miss each other, and {EVERY} steps")

    # Orthonormal: the data's direction, the generator's first one, and the way between the lines.
    random = np.random.default_rng(given.seed)
    a, w, b = np.linalg.qr(random.normal(size=(given.dimensions, 3)))[0].T.astype(np.float32)
    x = random.uniform(-1.0, 1.0, (EVERY * BATCH, 1)).astype(np.float32) * a  # [N, d]
    found = {name: curve(a, w, b, x, given, **game) for name, game in GAMES.items()}
    print("game", "first", "last", sep="\t")
    for name, distances in found.items():
        print(name, f"{distances[0]:.4f}", f"{distances[-1]:.4f}", sep="\t")
    draw(found, given.out)
    print(given.out)


def curve(a, w, b, x, given, **game):
    """The distances of a generator that starts on b + z w from data on u a, as it learns."""
    decoder = keras.Sequential([keras.layers.Input([1]), keras.layers.Dense(given.dimensions)])
    decoder.set_weights([w[None], b])
    keras.utils.set_random_seed(given.seed)
    hidden = [keras.layers.Dense(64, activation="tanh") for _ in range(2)]
    model = zoo.create(
        "gan",
        image_shape=(given.dimensions,),
        latent_dim=1,
        prior_family="uniform",
        decoder=decoder,
        discriminator=keras.Sequential([*hidden, keras.layers.Dense(1)]),
        discriminator_steps=5,  # near its optimum, where minimax saturates
        seed=given.seed,
        **game,
    )
    adam = keras.optimizers.Adam(1e-3, beta_1=0.5)
    descent = keras.optimizers.SGD(given.learning_rate)
    model.compile({"discriminator": adam, "generator": descent})
    distances = [distance(model, a)]
    note = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: distances.append(distance(model, a))
    )
    epochs = given.steps // EVERY  # an epoch has EVERY steps
    model.fit(x, batch_size=BATCH, epochs=epochs, shuffle=False, verbose=0, callbacks=[note])
    return distances


def distance(model, a):
    """The 2-Wasserstein distance of b + z w from u a, where u and z are U(-1, 1).

    It pairs u with z, or with -z:  W^2 = |b|^2 + min(|w - a|^2, |w + a|^2) / 3.
    """
    b, end = np.asarray(model.decode(np.float32([[0.0], [1.0]])).mean())
    w = end - b
    return float(np.sqrt(b @ b + min((w - a) @ (w - a), (w + a) @ (w + a)) / 3.0))


def draw(found, path):
    """Writes the distances of all games over the steps."""
    figure = Figure(figsize=(7.0, 4.5), dpi=100, layout="tight")
    axes = figure.add_subplot()
    for name, distances in found.items():
        axes.plot(EVERY * np.arange(len(distances)), distances, label=name)
    axes.set(xlabel="steps of the generator", ylabel="Wasserstein distance from the data")
    axes.set(yscale="log")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    figure.savefig(path)


if __name__ == "__main__":
    main()
