"""Trains a model further on other data, from the weights that it has.

    python examples/fine_tune.py --model=runs/vae-digits --data=folder:my_digits --image_size=8

Writes fine_tuned.png: test images, their reconstructions before, and after; and exports the new
model to --export_dir, which `zoo.load` reads. The data must have the shape that the model takes.
"""

import argparse

import keras
import numpy as np

import zoo


def main(arguments=None):
    """A trained model and new data to a picture and an export, whose paths are printed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", required=True, help="a run, or a pretrained model's name")
    parser.add_argument("--data", required=True, help="folder:PATH, npz:PATH or a data set")
    parser.add_argument("--image_size", type=int, help="resize to this side")
    parser.add_argument("--learning_rate", type=float, default=1e-4, help="of every player")
    parser.add_argument("--batch_size", type=int, default=50)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--out", default="fine_tuned.png", help="the picture")
    parser.add_argument("--export_dir", default="exported/fine_tuned")
    given = parser.parse_args(arguments)

    model = zoo.restore(given.model)  # the Keras model
    for role in sorted(model.untrained):  # of an archive, which holds what the verbs need
        print(f"Begins with new weights: {role}")
    data = zoo.data.load(given.data, image_size=given.image_size)
    x = data.arrays(data.default_split, 12)["x"]
    before = model.reconstruct(x, seed=0)
    adam = {player: keras.optimizers.Adam(given.learning_rate) for player in model.players}
    model.compile(adam)  # gentle steps, so that it forgets little of what it knows
    batches = data.train(batch_size=given.batch_size, seed=0)
    model.fit(batches, steps_per_epoch=given.steps, verbose=0)
    rows = np.concatenate([x, before, model.reconstruct(x, seed=0)])
    zoo.pictures.save_png(given.out, zoo.pictures.image_grid(rows, columns=len(x)))
    print(given.out)
    print(zoo.export(model, given.export_dir))


if __name__ == "__main__":
    main()
