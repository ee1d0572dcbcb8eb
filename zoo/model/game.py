"""The game: phases, plays, draws; what `train_step` is made of.

def train_step(self, data):
    batch = self.as_batch(data)
    self.play(self.game, batch["x"])  # losses by player, one tape, one update each
    return self.report()
"""

import contextlib
import contextvars
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from zoo import distributions, networks, seeds
from zoo.errors import refusal

Distribution: TypeAlias = tfd.Distribution
Losses = dict[str, tf.Tensor]  # {player: loss, [B] or a scalar}


@dataclasses.dataclass
class Phase:
    """What the networks and draws of one phase share while it is traced."""

    seed: tf.Tensor  # int32 [2]
    training: bool
    calls: dict[str, int] = dataclasses.field(default_factory=dict)  # of each role so far
    played: dict[Callable, Losses] | None = None  # where `train_step` is evaluated, not trained


# Not an attribute of the model: replicas are traced in threads of their own, and a context variable
# is per thread.
_PHASE: contextvars.ContextVar[Phase | None] = contextvars.ContextVar("phase", default=None)


@contextlib.contextmanager
def entered(phase: Phase | None) -> Iterator[None]:
    """Inside, networks and draws are those of `phase`; None is inference."""
    token = _PHASE.set(phase)
    try:
        yield
    finally:
        _PHASE.reset(token)


class Game:
    """How a model trains: what its phases and its `train_step` may call.

    Mixed into the model (`zoo.model.base`), whose networks, optimizers, counters, averages and
    trackers it uses.
    """

    seed: int
    learning_rate: float
    lr_schedule: str
    decay_from: int
    decay_steps: int
    clip_norm: float | None
    ema_decay: float | None
    weight_decay: float
    stage: int
    stage_starts: tuple[int, ...]
    networks: dict[str, Any]
    optimizers: dict[str, keras.optimizers.Optimizer]
    player_variables: dict[str, list[keras.Variable]]
    train_step: Callable[[Any], dict[str, tf.Tensor]]
    step: keras.Variable
    play_counter: keras.Variable
    _averages: list[keras.Variable]
    _averaged: list[keras.Variable]
    _trackers: dict[str, keras.metrics.Mean]

    def play(
        self,
        phase: Callable[..., Losses],
        *inputs: tf.Tensor,
        after: Callable[[], None] | None = None,
    ) -> None:
        """Runs one phase: losses on one tape, then one simultaneous update of each player.

        Players that are given the same tensor as their loss share one backward pass; two equal
        tensors cost two.

        Args:
            phase: callable `(*inputs) -> {player: loss}`, a loss being [B] per example, averaged
                over the global batch, or a scalar per replica, averaged over replicas.
            *inputs: of the phase.
            after: called when the players have moved, such as a clipping of weights.
        """
        outer = _PHASE.get()
        if outer is not None and outer.played is not None:
            # In `losses_of`: a phase that is played several times a step is evaluated once.
            if phase not in outer.played:
                outer.played[phase] = phase(*inputs)
            return
        context = Phase(seeds.fold(self.seed, "play", self.play_counter.value), training=True)
        with entered(context), tf.GradientTape(persistent=True) as tape:
            losses = phase(*inputs)
            objectives = {id(loss): self._objective(loss) for loss in losses.values()}
        variables = self.player_variables
        gradients: dict[str, list[tf.Tensor | None]] = {}
        # All gradients before any update: the players move at once. One backward pass a loss.
        for key, objective in objectives.items():
            sharing = [player for player, loss in losses.items() if id(loss) == key]
            found = tape.gradient(objective, [variables[player] for player in sharing])
            gradients |= dict(zip(sharing, found))
        for player in losses:
            self._update(player, gradients[player], variables[player])
        self._track({f"{player}_loss": loss for player, loss in losses.items()})
        self.play_counter.assign_add(1)
        if after is not None:
            after()

    def losses_of(self, data: Any) -> Losses:
        """{player: loss} of one batch, in inference mode, on fixed noise: nobody moves.

        They are those of the plays of `train_step`, of all stages.

        Args:
            data: what `train_step` takes.
        """
        played: dict[Callable, Losses] = {}
        phase = Phase(seeds.fold(self.seed, "test", self.step.value), training=False, played=played)
        now = self.stage
        with entered(phase):
            for stage in range(len(self.stage_starts) + 1):
                self.stage = stage
                self.train_step(data)
        self.stage = now
        return {player: loss for losses in played.values() for player, loss in losses.items()}

    def _objective(self, loss: tf.Tensor) -> tf.Tensor:
        """This replica's share of the global mean: gradients are summed over replicas."""
        replicas, _ = seeds.replica()
        if loss.shape.rank not in (0, 1):
            raise ValueError(refusal("loss.shape", "[B] or []", loss.shape))
        return tf.reduce_mean(loss) / replicas

    def _update(self, player: str, gradients: Sequence, variables: Sequence) -> None:
        optimizer = self.optimizers[player]
        pairs = [(g, v) for g, v in zip(gradients, variables) if g is not None]
        if len(pairs) < len(variables):
            missing = [v.path for g, v in zip(gradients, variables) if g is None]
            raise ValueError(
                refusal("phase", f"a loss of {player} that reaches all its variables", missing)
            )
        gradients, variables = zip(*pairs)
        replicas, _ = seeds.replica()
        if self.weight_decay:  # a replica's share, as of the losses
            share = self.weight_decay / replicas
            gradients = [g + share * tf.cast(v, g.dtype) for g, v in zip(gradients, variables)]
        if self.clip_norm is not None and replicas > 1:  # the optimizer will sum the shares again
            summed = tf.distribute.get_replica_context().all_reduce("SUM", list(gradients))
            gradients = [g / replicas for g in summed]
        norm = tf.linalg.global_norm(gradients) * replicas  # unclipped: the mean replica's
        if self.clip_norm is not None:
            scale = tf.minimum(1.0, self.clip_norm / tf.maximum(norm, 1e-12))
            gradients = [g * tf.cast(scale, g.dtype) for g in gradients]
        self._track({f"{player}_gradient_norm": norm})
        if self.lr_schedule != "constant":
            optimizer.learning_rate = self.learning_rate_of(player) * self._decay()
        optimizer.apply(list(gradients), list(variables))

    def learning_rate_of(self, player: str) -> float:
        """The learning rate that a player begins with: its own, or the one of all."""
        own = getattr(self, f"{player}_learning_rate")
        return self.learning_rate if own is None else own

    def _decay(self) -> tf.Tensor:
        """Factor of the learning rate at this step, from 1 down to 0.01."""
        done = tf.cast(self.step.value - self.decay_from, tf.float32) / max(self.decay_steps, 1)
        done = tf.clip_by_value(done, 0.0, 1.0)
        return 1.0 - 0.99 * done if self.lr_schedule == "linear" else 0.01**done

    def draw(
        self,
        distribution: Distribution,
        place: str,
        batch_of: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """A reparameterised sample: noise of (seed, place, play counter, global row).

        Args:
            distribution: a TFP distribution, such as q(z|x).
            place: name of this draw, unique in its phase.
            batch_of: a tensor whose first axis gives B, for distributions without a batch, such as
                p(z).
        """
        batch_size = None if batch_of is None else tf.shape(batch_of)[0]
        return distributions.draw(distribution, self._place(place), batch_size)

    def shared_noise(self, shape: list[int], place: str) -> tf.Tensor:
        """N(0, 1) of a shape, the same on all replicas: for moments that all must agree on."""
        return distributions.noise("normal", shape, self._place(place))

    def _place(self, place: str) -> tf.Tensor:
        phase = _PHASE.get()
        if phase is None:
            raise RuntimeError(
                "`draw` belongs to a phase: call it from a function given to `play`."
            )
        return seeds.fold(phase.seed, place)

    def apply(self, role: str, *inputs: tf.Tensor, **options: Any) -> tf.Tensor:
        """float32 outputs of a role's network: its mode and its noise are the phase's."""
        return tf.cast(self._run(role, self.networks[role], inputs, options), tf.float32)

    def trace(self, role: str, *inputs: tf.Tensor) -> list[tf.Tensor]:
        """As `apply`, of every row of the network, first to last; the last is the output."""
        rows = self._run(role, self.networks[role].trace, inputs)
        return [tf.cast(row, tf.float32) for row in rows]

    def _run(
        self, role: str, function: Callable, inputs: tuple, options: dict | None = None
    ) -> Any:
        phase, options = _PHASE.get(), dict(options or {})
        training = phase is not None and phase.training
        if phase is not None and isinstance(self.networks[role], networks.SEEDED):
            call = phase.calls[role] = phase.calls.get(role, -1) + 1
            options["seed"] = seeds.fold(phase.seed, role, call)
        return function(*inputs, training=training, **options)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Inside of a phase: networks in inference mode, for those that no player moves now."""
        phase: Any = _PHASE.get()
        with entered(dataclasses.replace(phase, training=False)):
            yield

    def log(self, **values: tf.Tensor) -> None:
        """Averages values ([B] or scalar) into the logs named in `LOGS`."""
        self._track(values)

    def _track(self, values: dict[str, tf.Tensor]) -> None:
        for name, value in values.items():
            self._trackers[name].update_state(tf.cast(value, tf.float32))

    def report(self) -> dict[str, tf.Tensor]:
        """Ends a training step: counts it, averages weights, returns the logs."""
        phase = _PHASE.get()
        if phase is not None and phase.played is not None:  # in `losses_of`
            return {}
        self.step.assign_add(1)
        if self._averages:
            # A smaller decay over the first steps: else short runs keep their first weights.
            t = tf.cast(self.step.value, tf.float32)
            decay = tf.minimum(self.ema_decay, (1.0 + t) / (10.0 + t))
            for average, variable in zip(self._averages, self._averaged):
                average.assign(average * decay + variable * (1.0 - decay))
        return self._logs()

    def _logs(self, names: Iterable[str] | None = None) -> dict[str, tf.Tensor]:
        logs = {name: self._trackers[name].result() for name in names or self._trackers}
        if isinstance(tf.distribute.get_strategy(), tf.distribute.MultiWorkerMirroredStrategy):
            # Keras cannot reduce scalars over workers (keras issue 20585).
            logs = {name: tf.reshape(value, [1]) for name, value in logs.items()}
        return logs

    @contextlib.contextmanager
    def inference(self) -> Iterator[None]:
        """Networks in inference mode, on the averaged weights when `ema_decay` is set."""
        averaged = contextlib.nullcontext()
        if self._averages:
            mapping = [(v, average.value) for v, average in zip(self._averaged, self._averages)]
            averaged = keras.StatelessScope(state_mapping=mapping)
        with entered(None), averaged:
            yield
