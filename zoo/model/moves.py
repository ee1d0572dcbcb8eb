"""How players move, once the gradients of their losses are there."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from zoo import seeds
from zoo.errors import refusal
from zoo.model.loss_scale import Gradients, LossScale


def clip_scale(norm: tf.Tensor, clip_norm: float) -> tf.Tensor:
    """What shortens gradients of a norm to `clip_norm`; 1 of shorter ones."""
    return tf.minimum(1.0, clip_norm / tf.maximum(norm, 1e-12))


def clip_weights(network: keras.Model, limit: float) -> None:
    """Every weight of a network into [-limit, limit].

    Reference: Arjovsky, Chintala, Bottou, Wasserstein GAN, arXiv 1701.07875, algorithm 1, line 7.
    """
    for weight in network.trainable_variables:
        weight.assign(tf.clip_by_value(weight, -limit, limit))


class Moves:
    """What `play` does with losses and their gradients.

    Mixed into the model, whose optimizers, counters and trackers it uses.
    """

    learning_rate: float
    lr_schedule: str
    decay_from: int
    decay_steps: int
    clip_norm: float | None
    weight_decay: float
    optimizers: dict[str, Any]
    step: keras.Variable
    _loss_scale: LossScale | None
    _track: Callable[[dict[str, tf.Tensor]], None]

    def _objective(self, loss: tf.Tensor) -> tf.Tensor:
        """This replica's share of the global mean: gradients are summed over replicas."""
        replicas, _ = seeds.replica()
        share = tf.reduce_mean(loss) / replicas
        return share if self._loss_scale is None else self._loss_scale.of(share)

    def _move(self, gradients: Gradients, variables: dict[str, list[keras.Variable]]) -> None:
        """One update of each player that has gradients: all at once, or none in float16."""
        options: dict[str, tf.Tensor] = {}
        if self._loss_scale is not None:
            gradients, options["moves"] = self._loss_scale.gradients(gradients)
        for player, found in gradients.items():
            self._update(player, found, variables[player], options)

    def _update(
        self,
        player: str,
        gradients: Sequence,
        variables: Sequence,
        options: dict[str, tf.Tensor],
    ) -> None:
        optimizer = self.optimizers[player]
        pairs = [(g, v) for g, v in zip(gradients, variables) if g is not None]
        if len(pairs) < len(variables):
            missing = [v.path for g, v in zip(gradients, variables) if g is None]
            raise ValueError(
                refusal("phase", f"a loss of {player} that reaches all its variables", missing)
            )
        if not pairs:  # all its networks are frozen
            self._track({f"{player}_gradient_norm": tf.zeros([])})
            return
        gradients, variables = zip(*pairs)
        replicas, _ = seeds.replica()
        if self.weight_decay:  # a replica's share, as of the losses
            share = self.weight_decay / replicas
            gradients = [g + share * tf.cast(v, g.dtype) for g, v in zip(gradients, variables)]
        if self.clip_norm is not None and replicas > 1:  # the optimizer will sum the shares again
            summed = tf.distribute.get_replica_context().all_reduce("SUM", list(gradients))
            gradients = [g / replicas for g in summed]
        wide = [tf.cast(g, tf.float32) for g in gradients]
        norm = tf.linalg.global_norm(wide) * replicas  # unclipped: the mean replica's
        if self.clip_norm is not None:
            scale = clip_scale(norm, self.clip_norm)
            gradients = [g * tf.cast(scale, g.dtype) for g in gradients]
        self._track({f"{player}_gradient_norm": norm})
        if self.lr_schedule == "constant":
            optimizer.apply(list(gradients), list(variables), **options)
            return
        rate = tf.convert_to_tensor(optimizer.learning_rate)  # as users and callbacks set it
        optimizer.learning_rate = rate * self._decay()
        optimizer.apply(list(gradients), list(variables), **options)
        optimizer.learning_rate = rate

    def learning_rate_of(self, player: str) -> float:
        """The learning rate that a player begins with: its own, or the one of all."""
        own = getattr(self, f"{player}_learning_rate")
        return self.learning_rate if own is None else own

    def _decay(self) -> tf.Tensor:
        """Factor of the learning rate at this step, from 1 down to 0.01."""
        done = tf.cast(self.step.value - self.decay_from, tf.float32) / self.decay_steps
        done = tf.clip_by_value(done, 0.0, 1.0)
        return 1.0 - 0.99 * done if self.lr_schedule == "linear" else 0.01**done
