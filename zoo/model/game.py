"""The game: phases, plays, draws; what `train_step` is made of.

def train_step(self, data):
    batch = self.as_batch(data)
    self.play(self.game, batch["x"])  # losses by player, one tape, one update each
    return self.report()
"""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import keras
import tensorflow as tf
from keras.src.backend.common.stateless_scope import in_stateless_scope
from tensorflow_probability import distributions as tfd

from zoo import distributions, graphs, networks, seeds
from zoo.errors import nearest, refusal, unknown
from zoo.model.logs import Logs
from zoo.model.loss_scale import Gradients
from zoo.model.moves import Moves
from zoo.model.phases import Losses, Phase, current, entered, moving
from zoo.networks import own

Distribution: TypeAlias = tfd.Distribution


def ending_in_report(train_step: Callable[..., Any]) -> Callable[..., dict[str, tf.Tensor]]:
    """A method's `train_step`, refused in one line where it returns no logs."""

    @functools.wraps(train_step)
    def checked(self: Any, data: Any) -> dict[str, tf.Tensor]:
        logs = train_step(self, data)
        if not isinstance(logs, dict):
            raise TypeError(refusal("train_step", "the last line `return self.report()`", logs))
        return logs

    return checked


class Game(Moves):
    """How a model trains: what its phases and its `train_step` may call.

    Mixed into the model (`zoo.model.base`), whose networks, optimizers, counters, averages and
    trackers it uses.
    """

    seed: int
    ema_decay: float | None
    stage: int
    stage_starts: tuple[int, ...]
    players: dict[str, tuple[str, ...]]
    phase_logs: tuple[str, ...]
    networks: dict[str, Any]
    player_variables: dict[str, list[keras.Variable]]
    train_step: Callable[[Any], dict[str, tf.Tensor]]
    play_counter: keras.Variable
    test_counter: tf.Variable
    _averages: list[keras.Variable]
    _averaged: list[keras.Variable]
    _logs: Logs | None
    _finish: dict[str, Callable[[tf.Tensor], tf.Tensor]]

    @graphs.custom_gradients()
    def play(
        self,
        phase: Callable[..., Losses],
        *inputs: tf.Tensor,
        after: Callable[[], None] | None = None,
        moves: bool = True,
    ) -> None:
        """Runs one phase: losses on one tape, then one simultaneous update of each player.

        Players that are given the same tensor as their loss share one backward pass; two equal
        tensors cost two.

        Args:
            phase: callable `(*inputs) -> {player: loss}`, a loss being [B] per example, averaged
                over the global batch, or a scalar per replica, averaged over replicas.
            *inputs: of the phase.
            after: called when the players have moved, such as a clipping of weights.
            moves: whether they move; else the phase is for what it assigns itself, such as batch
                statistics.

        Raises:
            TypeError: the phase returns something else than losses by player.
            ValueError: an unknown player, a loss of another shape, one that does not reach all
                variables of its player.
        """
        outer = current()
        if outer is not None and outer.played is not None:
            # In `losses_of`: a phase that is played several times a step is evaluated once.
            if phase not in outer.played:
                with entered(dataclasses.replace(outer, places=set())):
                    outer.played[phase] = self._checked(phase, inputs)
            return
        context = Phase(seeds.fold(self.seed, "play", self.play_counter.value), True, steered=True)
        with entered(context), tf.GradientTape(persistent=True) as tape:
            losses = self._checked(phase, inputs)
            steering = moving(losses)
            objectives = {id(loss): self._objective(loss) for loss in steering.values()}
        variables = self.player_variables
        gradients: Gradients = {}
        # All gradients before any update: the players move at once. One backward pass a loss.
        for key, objective in objectives.items():
            sharing = [player for player, loss in steering.items() if id(loss) == key]
            found = tape.gradient(objective, [variables[player] for player in sharing])
            gradients |= dict(zip(sharing, found))
        if moves:
            self._move(gradients, variables)
        self._track({f"{player}_loss": loss for player, loss in losses.items()})
        self.play_counter.assign_add(1)
        if after is not None:
            after()

    @graphs.custom_gradients()
    def losses_of(self, data: Any, index: int | tf.Tensor = 0) -> Losses:
        """{player: loss} of one batch, in inference mode, on the averaged weights: nobody moves.

        They are those of the plays of `train_step`, of all stages, on noise of the step and the
        batch: the same at each call. Of a player with several phases they are the values of all,
        one after another, so that their mean is that of the logs.

        Args:
            data: what `train_step` takes.
            index: of the batch, among those that are evaluated at this step.
        """
        played: dict[Callable, Losses] = {}
        seed = seeds.fold(self.seed, "test", self.step.value, index)
        phase = Phase(seed, training=False, played=played)
        now = self.stage
        try:
            with self.averaged(), entered(phase):
                for stage in range(len(self.stage_starts) + 1):
                    self.stage = stage
                    self.train_step(data)
        finally:
            self.stage = now
        for values in phase.logged:
            self._track(values)
        found: dict[str, list[tf.Tensor]] = {}
        for losses in played.values():
            for player, loss in losses.items():
                found.setdefault(player, []).append(loss)
        joined = lambda values: tf.concat([tf.reshape(v, [-1]) for v in values], axis=0)
        return {p: joined(values) if values[1:] else values[0] for p, values in found.items()}

    def _checked(self, phase: Callable[..., Losses], inputs: Sequence[tf.Tensor]) -> Losses:
        """What a phase returns, once it is what `play` takes."""
        losses, name = phase(*inputs), getattr(phase, "__name__", "phase")
        if not isinstance(losses, dict) or not losses:
            raise TypeError(refusal(name, "a phase that returns {player: loss}", losses))
        for player, loss in losses.items():
            if player not in self.players:
                raise unknown(f"{name}: player", player, self.players)
            if not tf.is_tensor(loss):
                raise TypeError(refusal(f"{name}: loss of {player}", "a tensor, [B] or []", loss))
            if loss.shape.rank not in (0, 1):
                raise ValueError(refusal("loss.shape", "[B] or []", loss.shape))
        return losses

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
        phase = current()
        if phase is None:
            raise RuntimeError(
                "`draw` belongs to a phase: call it from a function given to `play`."
            )
        if place in phase.places:  # it would be the same noise
            raise ValueError(refusal("place", "a name that no other draw of the phase has", place))
        phase.places.add(place)
        return seeds.fold(phase.seed, place)

    def apply(self, role: str, *inputs: tf.Tensor, **options: Any) -> tf.Tensor:
        """float32 outputs of a role's network: its mode and its noise are the phase's."""
        run = lambda *inputs, **options: own.call(self.networks[role], inputs, **options)
        outputs = tf.cast(self._run(role, run, inputs, options), tf.float32)
        return self._finish[role](outputs) if role in self._finish else outputs

    def apply_with_each(self, role: str, x: tf.Tensor, extra: tf.Tensor) -> tf.Tensor:
        """As `apply`, of each x, [B, ...], with K second inputs, [B, K, A]: [B K, ...].

        A network of rows makes once what needs x alone, with one draw of its noise.
        """
        if not isinstance(self.networks[role], networks.Stack):
            x = tf.repeat(x, extra.shape[1], axis=0)
            extra = tf.reshape(extra, [-1, extra.shape[-1]])
        return self.apply(role, x, extra)

    def apply_each(
        self,
        role: str,
        *batches: tuple[tf.Tensor, ...],
        together: bool = True,
        population: int | None = None,
    ) -> list[tf.Tensor]:
        """As `apply`, of batches of one size: the outputs of each.

        Args:
            role: of the network.
            *batches: its inputs, one tuple a batch.
            together: whether batch normalisation, and what else couples rows, spans all of them,
                as one batch; else each is a batch by itself.
            population: how many of the batches, from the first, inference will be about; the others
                are run with `statistics_kept`. None for all. Only for batches by themselves.
        """
        network = self.networks[role]
        alone = not (network.non_trainable_variables or networks.couples_rows(network))
        if together or alone:  # one call is faster
            joined = (tf.concat(inputs, axis=0) for inputs in zip(*batches, strict=True))
            return tf.split(self.apply(role, *joined), len(batches))
        outputs: list[tf.Tensor] = []
        for batch in batches:
            counts = population is None or len(outputs) < population
            with contextlib.nullcontext() if counts else self.statistics_kept():
                outputs.append(self.apply(role, *batch))
        return outputs

    def trace(self, role: str, *inputs: tf.Tensor) -> list[tf.Tensor]:
        """As `apply`, of every row of the network, first to last; the last is the output."""
        rows = self._run(role, self.networks[role].trace, inputs)
        return [tf.cast(row, tf.float32) for row in rows]

    def _run(
        self, role: str, function: Callable, inputs: tuple, options: dict | None = None
    ) -> Any:
        phase, options = current(), dict(options or {})
        if phase is not None and isinstance(self.networks[role], networks.SEEDED):
            call = phase.calls[role] = phase.calls.get(role, -1) + 1
            options["seed"] = seeds.fold(phase.seed, role, call)
        return function(*inputs, training=self.is_training, **options)

    @property
    def is_training(self) -> bool:
        """Whether this is a phase of a play; else it is evaluated, or a verb runs."""
        phase = current()
        return phase is not None and phase.training

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Networks in inference mode, for those that no player moves now; in a verb they are."""
        phase = current()
        with entered(phase and dataclasses.replace(phase, training=False)):
            yield

    @contextlib.contextmanager
    def statistics_kept(self) -> Iterator[None]:
        """Inside of a phase: networks run on batches that are no part of the population.

        Batch normalisation normalises by the batch, but its population statistics, which inference
        uses, stay as they are: those of few labelled examples, or of samples, would be half of
        them.
        """
        # What is assigned in a scope of Keras is forgotten where it ends. A scope inside of another
        # would hide the weights that `ahead` gives.
        needed = self.is_training and not in_stateless_scope()
        with keras.StatelessScope() if needed else contextlib.nullcontext():
            yield

    def log(self, **values: tf.Tensor) -> None:
        """Averages values ([B] or scalar) into the logs named in `LOGS`.

        Raises:
            ValueError: a name that is not among them.
        """
        for name in values.keys() - set(self.phase_logs):
            expected = f"a name in LOGS, {list(self.phase_logs)}"
            raise ValueError(refusal("log", expected, name, nearest(name, self.phase_logs)))
        phase: Any = current()
        if phase.played is None:
            self._track(values)
        else:  # in `losses_of`, in whose scope no variable can be assigned
            phase.logged.append(values)

    def _track(self, values: dict[str, tf.Tensor]) -> None:
        if self._logs is None:
            raise ValueError(refusal("model", "a compiled one: call compile()", "no optimizers"))
        self._logs.update(values)

    def report(self) -> dict[str, tf.Tensor]:
        """Ends a training step: counts it, averages weights and statistics, returns the logs."""
        phase = current()
        if phase is not None and phase.played is not None:  # in `losses_of`
            return {}
        self.step.assign_add(1)
        if self._averages:
            # A smaller decay over the first steps: else short runs keep their first weights.
            t = tf.cast(self.step.value, tf.float32)
            decay = tf.minimum(self.ema_decay, (1.0 + t) / (10.0 + t))
            dtypes = dict.fromkeys(v.dtype for v in self._averaged)
            shares = {dtype: tf.cast(decay, dtype) for dtype in dtypes}
            rests = {dtype: 1.0 - share for dtype, share in shares.items()}
            for average, variable in zip(self._averages, self._averaged):
                share, rest = shares[variable.dtype], rests[variable.dtype]
                average.assign(average * share + variable * rest)
        return self._means()

    def _means(self, names: Iterable[str] | None = None) -> dict[str, tf.Tensor]:
        assert self._logs is not None  # something was tracked
        logs = self._logs.result(names)
        if isinstance(tf.distribute.get_strategy(), tf.distribute.MultiWorkerMirroredStrategy):
            # Keras cannot reduce scalars over workers (keras issue 20585).
            logs = {name: tf.reshape(value, [1]) for name, value in logs.items()}
        return logs

    def averaged(self) -> contextlib.AbstractContextManager:
        """Inside, the networks' variables are their averages, where `ema_decay` is set.

        Nothing that is assigned there stays.
        """
        if not self._averages:
            return contextlib.nullcontext()
        averages = [average.value for average in self._averages]
        return keras.StatelessScope(state_mapping=list(zip(self._averaged, averages)))

    @contextlib.contextmanager
    def inference(self) -> Iterator[None]:
        """Networks in inference mode, on the averaged weights when `ema_decay` is set."""
        with graphs.custom_gradients(), entered(None), self.averaged():
            yield
