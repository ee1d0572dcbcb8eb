"""Two players of one discriminator, moved by one backward pass through it."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from zoo import networks
from zoo.model.phases import Losses, SteeredLosses, current

_LEAST = 1e-15  # of a slope: less is nothing beside the other rows', and may be no number


class Opposition:
    """A discriminator's loss and another player's, both functions of the same logits.

    Row i's logit l moves the discriminator by a = d loss_D / d l and the other player by
    b = d loss_G / d l. Between the logit and what the discriminator reads of a row, derivatives are
    linear in these; so at its inputs the other player's gradient is b / a times the
    discriminator's, row by row. One backward pass from a serves both, where two losses cost two.

    That is so in `play`, with a discriminator of the zoo's whose rows do not depend on each other,
    and with the range of float32; else there are two passes.

    Args:
        discriminator: the network.
        possible: whether the losses are functions of the logits alone.
    """

    def __init__(self, discriminator: Any, possible: bool = True) -> None:
        phase = current()
        steered = phase is not None and phase.steered
        known = isinstance(discriminator, (networks.Stack, networks.Pair))
        apart = known and not networks.couples_rows(discriminator)
        wide = known and discriminator.compute_dtype != "float16"  # b / a may be any number
        self._active = possible and steered and apart and wide
        self._factors: dict[int, tf.Tensor] = {}

    def enter(self, x: tf.Tensor, side: int) -> tf.Tensor:
        """x as it is; what comes back to it is the other player's gradient.

        Args:
            x: [B, ...], what the discriminator reads of that player's: whatever depends on its
                weights has to enter.
            side: which of the logits its rows give, by their place in `losses`.
        """
        if not self._active:
            return x

        @tf.custom_gradient
        def entering(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
            def turned(slope: tf.Tensor) -> tf.Tensor:
                factor = tf.cast(self._factors[side], slope.dtype)
                return slope * tf.reshape(factor, [-1] + [1] * (x.shape.rank - 1))

            return tf.identity(x), turned

        return entering(x)

    def losses(
        self,
        discriminator: Callable[..., tf.Tensor],
        generator: Callable[..., tf.Tensor],
        *logits: tf.Tensor,
    ) -> Losses:
        """The losses of "discriminator" and "generator", as a phase returns them.

        Args:
            discriminator, generator: callables `(*logits) -> loss [B]`, row by row.
            *logits: [B] each.
        """
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(logits)
            found = {"discriminator": discriminator(*logits), "generator": generator(*logits)}
        if not self._active:
            return found
        own, others = (tape.gradient(found[player], logits) for player in found)
        steering = tf.zeros_like(logits[0])
        for side, (logit, a, b) in enumerate(zip(logits, own, others)):
            a = tf.where(tf.abs(a) < _LEAST, _LEAST, a)
            self._factors[side] = b / a
            steering += tf.stop_gradient(a) * logit
        return SteeredLosses(found, steering)
