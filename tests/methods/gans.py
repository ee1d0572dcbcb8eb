"""The methods that are the GAN but for its choices, with a discriminator D(x) = w.x + b."""

import types

import numpy as np
import tensorflow as tf

import zoo
from tests.conformance import cases, cover
from tests.methods.tiny import linear
from tests.small import D, nets, sgd

FAMILY = [method for method in cases.METHODS if cover.variant_of(method) == "gan"]


def softplus(v):
    return np.logaddexp(0.0, v)


def make(method="gan", rate=0.1, **options):
    """A model of vectors with a linear discriminator."""
    networks = {**nets("decoder"), "discriminator": linear(1, 7, output_shape=())}
    model = zoo.create(method, image_shape=(D,), **{"latent_dim": D, **networks, **options})
    return sgd(model, rate)


def played(model, x):
    """Losses of one batch, the weights of D and the samples that it was asked about."""
    seen, generate = [], model.generate
    model.generate = lambda x: seen.append(generate(x)) or seen[-1]
    losses = {player: float(tf.reduce_mean(v)) for player, v in model.losses_of(x).items()}
    del model.generate
    w, b = (np.float64(v.numpy()) for v in model.discriminator.trainable_variables[-2:])
    return types.SimpleNamespace(losses=losses, w=w[:, 0], b=b[0], x_p=np.float64(seen[-1]))
