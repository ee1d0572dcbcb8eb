"""What the tests of losses share: ln 2, and gradients by TensorFlow."""

import math

import tensorflow as tf

LN2 = math.log(2.0)


def gradients(loss, *values):
    """Value of the summed loss's gradient at each of the inputs."""
    variables = [tf.constant(value, tf.float32) for value in values]
    with tf.GradientTape() as tape:
        for variable in variables:
            tape.watch(variable)
        total = tf.reduce_sum(loss(*variables))
    return [g.numpy() for g in tape.gradient(total, variables)]
