"""A classifier that may be asked to say the same of x and of what lies near x."""

import dataclasses
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import tensorflow as tf

from zoo import distributions
from zoo.fields import field
from zoo.model.phases import current, entered

if TYPE_CHECKING:  # what it is mixed into
    from zoo.model.base import GenerativeModel as Model
else:
    from zoo.fields import Declared as Model

_COARSE_XI = 0.1  # the least in 16 bits: of smaller steps too few digits are left


class Smoothing(Model):
    """Virtual adversarial training of p(y|x) = softmax of `class_logits(x)`, beside other losses.

    A method calls `smoothed` once, where its phase knows x; with a `vat_weight` of 0 nothing is
    computed.
    """

    vat_weight: float = field(
        "of KL(p(y|x) || p(y|x + r)), r the worst of length `vat_epsilon`, without labels",
        default=0.0,
        at_least=0,
    )
    vat_epsilon: float = field(
        "length of r, L2 over all numbers of x", default=0.3, above=0, needs="vat_weight"
    )
    vat_xi: float = field(
        "distance from x at which the search for r takes its slopes; with bfloat16 and float16 0.1 "
        "is taken for smaller ones, which would be rounded away",
        default=0.01,
        above=0,
        needs="vat_weight",
    )
    vat_iterations: int = field(
        "steps of the search for r", default=1, at_least=1, needs="vat_weight"
    )

    @property
    def phase_logs(self) -> tuple[str, ...]:
        names = super().phase_logs
        return (*names, "smoothness_loss") if self.vat_weight else names

    def smoothed(
        self, loss: tf.Tensor, penalty: Callable[..., tf.Tensor], x: tf.Tensor
    ) -> tf.Tensor:
        """The loss, and `vat_weight` times the mean of a penalty around x.

        The pass of x itself is one as any other; those of x + r leave the population's statistics
        alone. All have the same noise, where the network has any.

        Args:
            loss: [B] or a scalar.
            penalty: `losses.smoothness.virtual_adversarial`.
            x: [B, *image_shape].
        """
        if not self.vat_weight:
            return loss
        phase = current()

        def classify(x: tf.Tensor) -> tf.Tensor:
            again = phase and dataclasses.replace(phase, calls=dict(phase.calls))
            with entered(again):
                return self.class_logits(x)

        standard = distributions.standard_normal(math.prod(self.image_shape))
        noise = tf.reshape(self.draw(standard, "vat", batch_of=x), tf.shape(x))
        target = classify(x)
        with self.statistics_kept():
            coarse = self.compute_dtype in ("bfloat16", "float16")
            xi = max(self.vat_xi, _COARSE_XI) if coarse else self.vat_xi
            search = self.vat_epsilon, xi, self.vat_iterations
            cost = tf.reduce_mean(penalty(classify, target, x, noise, *search))
        self.log(smoothness_loss=cost)
        return loss + self.vat_weight * cost
