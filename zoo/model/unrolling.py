"""A player that answers its opponent's next updates: the gradient goes through them."""

import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

import keras
import tensorflow as tf

from zoo import replicas
from zoo.fields import field
from zoo.model.moves import clip_scale
from zoo.optimizers import inner
from zoo.precision import INNER_SCALE

if TYPE_CHECKING:  # what it is mixed into
    from zoo.model.base import GenerativeModel as Model
else:
    from zoo.fields import Declared as Model

Tensors = list[tf.Tensor]
Update = Callable[[Tensors, Tensors], Tensors]  # weights, gradients -> weights

_TINY = 1e-30  # below it a root has no slope: that at 0 is infinite


def descent(rate: float | tf.Tensor) -> Update:
    """The update of gradient descent, w - rate g."""
    return lambda weights, gradients: [w - rate * g for w, g in zip(weights, gradients)]


def adam(
    rate: float | tf.Tensor,
    beta_1: float,
    beta_2: float,
    epsilon: float,
    step: tf.Tensor,
    m: Sequence[tf.Tensor],
    v: Sequence[tf.Tensor],
) -> Update:
    """Adam's update, its moments going on from those given; each call is the next step.

    Args:
        rate, beta_1, beta_2, epsilon: of Adam.
        step: float scalar, updates made so far.
        m, v: moments so far, one a weight.

    Reference: Kingma and Ba, arXiv 1412.6980, end of section 2.
    """
    state = step, list(m), list(v)

    def update(weights: Tensors, gradients: Tensors) -> Tensors:
        nonlocal state
        t, m, v = state[0] + 1.0, state[1], state[2]
        m = [beta_1 * a + (1.0 - beta_1) * g for a, g in zip(m, gradients)]
        v = [beta_2 * a + (1.0 - beta_2) * tf.square(g) for a, g in zip(v, gradients)]
        state = t, m, v
        size = rate * tf.sqrt(1.0 - beta_2**t) / (1.0 - beta_1**t)
        root = [tf.sqrt(tf.maximum(a, _TINY)) for a in v]
        return [w - size * a / (r + epsilon) for w, a, r in zip(weights, m, root)]

    return update


def unroll(
    loss: Callable[[Tensors], tf.Tensor], weights: Tensors, steps: int, update: Update
) -> Tensors:
    """The weights after some updates, differentiable in all that the loss depends on.

    Args:
        loss: weights -> [B], a mean over whose global batch each update lessens.
        weights: before the first.
        steps: number of updates.
        update: `descent(...)` or `adam(...)`.
    """
    for _ in range(steps):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            value = INNER_SCALE * tf.reduce_mean(loss(weights))
        gradients = [g / INNER_SCALE for g in tape.gradient(value, weights)]
        weights = update(weights, replicas.mean(gradients))
    return weights


class Unrolling(Model):
    """For games in turn: one player moves against the other's weights of some updates later."""

    unrolled_steps: int = field(
        "updates of the discriminator that the generator looks ahead, and differentiates",
        default=0,
        at_least=0,
    )
    unrolled_update: Literal["descent", "adam"] = field(
        "of these steps: gradient descent, or Adam, going on from the discriminator's moments",
        default="adam",
        needs="unrolled_steps",
    )

    def ahead(
        self,
        player: str,
        prepare: Callable[[], Callable[[], tf.Tensor]],
        clip_value: float | None = None,
    ) -> contextlib.AbstractContextManager:
        """Inside, a player has the weights that it would have after `unrolled_steps` updates.

        Its networks must be functions of their inputs and weights (`networks.is_function`).
        Nothing that is assigned inside stays.

        Args:
            player: whose weights they are.
            prepare: returns its loss, [B], as a function of no argument but its weights; called
                only where there are steps to unroll.
            clip_value: largest size of a weight, after each update.
        """
        if not self.unrolled_steps:
            return contextlib.nullcontext()
        variables, cost = self.player_variables[player], prepare()

        def having(weights: Tensors) -> keras.StatelessScope:
            return keras.StatelessScope(state_mapping=list(zip(variables, weights)))

        def loss(weights: Tensors) -> tf.Tensor:
            with having(weights):
                return cost()

        now = [tf.convert_to_tensor(variable) for variable in variables]
        update = self._as_moved(self._update_of(player, variables), clip_value)
        return having(unroll(loss, now, self.unrolled_steps, update))

    def _as_moved(self, update: Update, clip_value: float | None = None) -> Update:
        """An update as `Moves` makes it: weight decay, gradients clipped, then the weights."""

        def moved(weights: Tensors, gradients: Tensors) -> Tensors:
            if self.weight_decay:
                gradients = [g + self.weight_decay * w for g, w in zip(gradients, weights)]
            if self.clip_norm is not None:
                square = tf.add_n([tf.reduce_sum(tf.square(g)) for g in gradients])
                scale = clip_scale(tf.sqrt(tf.maximum(square, _TINY)), self.clip_norm)
                gradients = [scale * g for g in gradients]
            weights = update(weights, gradients)
            if clip_value is not None:
                weights = [tf.clip_by_value(w, -clip_value, clip_value) for w in weights]
            return weights

        return moved

    def _update_of(self, player: str, variables: list[keras.Variable]) -> Update:
        optimizer = inner(self.optimizers.get(player))
        rate = self.learning_rate_of(player) if optimizer is None else optimizer.learning_rate
        rate = tf.convert_to_tensor(rate)
        if self.lr_schedule != "constant":
            rate *= self._decay()
        if self.unrolled_update == "descent":
            return descent(rate)
        if not isinstance(optimizer, keras.optimizers.Adam):  # one of the caller's, without moments
            zeros = [tf.zeros(variable.shape) for variable in variables]
            return adam(rate, self.beta_1, self.beta_2, 1e-8, tf.zeros([]), zeros, zeros)
        # By identity: inside of `averaged` Keras' own index looks for the averages.
        places = {id(known): i for i, known in enumerate(optimizer._trainable_variables)}
        m, v = (
            [tf.convert_to_tensor(slots[places[id(variable)]]) for variable in variables]
            for slots in (optimizer._momentums, optimizer._velocities)
        )
        step = tf.cast(optimizer.iterations, tf.float32)
        return adam(rate, optimizer.beta_1, optimizer.beta_2, optimizer.epsilon, step, m, v)
