"""Ten SGD steps of one run on one device, on two logical CPUs, or as one of two worker processes.

python replicas.py STRATEGY RUN_DIR
"""

import sys

import keras

import zoo
from tests import helpers, small
from zoo.training import strategies


def main(strategy, run_dir):
    """Trains; the result is the checkpoint of step 10."""
    if strategy == "mirrored":
        helpers.split_cpu()
    chosen = strategies.make(strategy)
    assert chosen.num_replicas_in_sync == (1 if strategy == "none" else 2)
    data = zoo.data.load("digits")
    with chosen.scope():
        model = small.AtOnce(image_shape=data.image_shape, latent_dim=4)
        model.compile({player: keras.optimizers.SGD(0.01) for player in model.PLAYERS})
    zoo.training.train(
        model,
        data,
        run_dir,
        steps=10,
        batch_size=20,
        checkpoint_every=5,
        log_every=4,
        sample_every=10,
        best_metric=f"{next(iter(model.PLAYERS))}_loss",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
