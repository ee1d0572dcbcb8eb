"""Trains three methods on your own data with the same budget, and compares them.

    python examples/compare_methods.py --data=folder:my_images --image_size=32
    python examples/compare_methods.py

Prints a table, a row a method, and writes comparison.png: for each method a row of samples, and a
row of test images with their reconstructions below. Without --data: handwritten digits.
"""

import argparse

import numpy as np

import zoo


def main(arguments=None):
    """Data to a table and a picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", default="digits", help="folder:PATH, npz:PATH or a data set")
    parser.add_argument("--image_size", type=int, help="resize to this side")
    parser.add_argument("--methods", nargs="+", default=["vae", "vae_gan", "ali"])
    parser.add_argument(
        "--metrics", nargs="+", default=["reconstruction_mse", "reconstruction_ratio"]
    )
    parser.add_argument("--latent_dim", type=int, default=16)
    parser.add_argument("--batch_size", type=int, default=100)
    parser.add_argument("--steps", type=int, default=2000, help="of training, for each method")
    parser.add_argument("--out", default="comparison.png", help="the picture")
    given = parser.parse_args(arguments)

    data = zoo.data.load(given.data, image_size=given.image_size)
    x = data.arrays(data.default_split, 12)["x"]
    print("method", *given.metrics, sep="\t")
    rows = []
    for method in given.methods:
        model = zoo.create(method, image_shape=data.image_shape, latent_dim=given.latent_dim)
        model.compile()
        batches = data.train(batch_size=given.batch_size, seed=0)
        model.fit(batches, steps_per_epoch=given.steps, verbose=0)
        measured = zoo.metrics.evaluate(model, data, metrics=given.metrics, limit=1000)
        values = [f"{measured[name]['value']:.4f}" for name in given.metrics]
        print(method, *values, sep="\t", flush=True)
        rows += [model.sample(len(x), seed=0), x, model.reconstruct(x, seed=0)]
    picture = zoo.pictures.image_grid(np.concatenate(rows), columns=len(x))
    zoo.pictures.save_png(given.out, picture)
    print(given.out)


if __name__ == "__main__":
    main()
