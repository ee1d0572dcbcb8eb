"""Graphs die with their model, though tables of the process know what was traced in them."""

import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import bijectors as tfb

from tests import helpers
from tests.small import Bound, batch, make
from zoo import graphs
from zoo.losses import likelihood


class Reweighted(Bound):
    """Its gradient is a custom one."""

    def bound(self, x):
        z, zeros = likelihood.doubly_reparameterised(self.draw(self.posterior(x), "z"), draws=1)
        return {"model": zeros - self.likelihood(z).log_prob(x)}


class Flow(Bound):
    """Its codes go through a bijector, which remembers what it has computed."""

    def posterior(self, x):
        return tfb.Chain([tfb.Scale(2.0), tfb.Shift(1.0)])(super().posterior(x))

    def bound(self, x):
        q = self.posterior(x)
        z = self.draw(q, "z")
        return {"model": q.log_prob(z) - self.likelihood(z).log_prob(x)}


@pytest.mark.parametrize("kind", helpers.first_of([Flow, Reweighted, Bound]))
def test_a_traced_step_dies_with_its_model(kind):
    def traced():
        model = make(kind)
        model.compile()
        steps = [tf.function(step) for step in (model.train_step, model.losses_of)]
        return [weakref.ref(step.get_concrete_function(batch(4)).graph) for step in steps]

    found = traced()
    for _ in range(2):  # what the first pass finds ends what a cache of TFP remembers
        gc.collect()
    assert [graph() for graph in found] == [None, None]


def test_a_custom_gradient_works_while_its_graph_lives():
    @tf.custom_gradient
    def tripled(x):
        return x, lambda dy: 3.0 * dy

    @tf.function
    def traced(x):
        with graphs.custom_gradients():
            return tripled(x)

    x = tf.constant(2.0)
    traced(x)
    gc.collect()
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = traced(x)  # differentiated by its graph: the registry is asked
    np.testing.assert_array_equal(tape.gradient(y, x), 3.0)


def test_bijectors_remember_what_they_computed_and_share_it_with_none():
    calls = []
    exp = lambda x: calls.append(x) or tf.exp(x)
    one = tfb.Inline(exp, tf.math.log, forward_min_event_ndims=0)
    x = tf.constant([1.0])
    y = one.forward(x)
    assert one.forward(x) is y and one.inverse(y) is x and len(calls) == 1
    equal = tfb.Scale(2.0), tfb.Scale(2.0)
    assert equal[0].forward(x) is not equal[1].forward(x)
