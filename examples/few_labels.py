"""Learns classes from a few labelled images of your own beside many without labels.

    python examples/few_labels.py --data=folder:all --labelled=folder:some --image_size=32

`some` has a sub-folder a class, and `all` whatever images there are; both may be npz:PATH or named
data sets, too. Writes classes.npy, the class of each training image of --data, and prints the
error on labelled images that were held out, beside that of their nearest labelled neighbours.
"""

import argparse

import numpy as np
import tensorflow as tf

import zoo
from zoo.metrics.neighbours import nearest_rows


def main(arguments=None):
    """Two data sets to the classes of the first, whose path is printed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", required=True, help="folder:PATH, npz:PATH or a data set")
    parser.add_argument("--labelled", required=True, help="the same, with a few labels")
    parser.add_argument("--image_size", type=int, help="resize to this side")
    parser.add_argument("--method", default="vat", help="one that takes few labels")
    parser.add_argument("--batch_size", type=int, default=100)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--out", default="classes.npy", help="class of each image, [N]")
    given = parser.parse_args(arguments)

    images, few = (
        zoo.data.load(name, image_size=given.image_size) for name in (given.data, given.labelled)
    )
    learned, asked = few.arrays("train"), few.arrays(few.default_split)
    size = min(given.batch_size, len(learned["x"]))
    batches = tf.data.Dataset.zip(images.train(given.batch_size, 0), few.train(size, 0))
    batches = batches.map(
        lambda all, some: {"x": all["x"], "x_labelled": some["x"], "y_labelled": some["y"]}
    )
    model = zoo.create(given.method, image_shape=images.image_shape, num_classes=few.num_classes)
    model.compile()
    model.fit(batches, steps_per_epoch=given.steps, verbose=0)

    classes = lambda x: np.argmax(model.classify(x), axis=-1)
    nearest = nearest_rows(learned["x"], asked["x"])[:, 0]
    for name, y in ((given.method, classes(asked["x"])), ("nearest", learned["y"][nearest])):
        print(f"{name}\terror {np.mean(y != asked['y']):.3f}")
    np.save(given.out, classes(images.arrays("train")["x"]))
    print(given.out)


if __name__ == "__main__":
    main()
