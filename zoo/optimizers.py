"""The players' optimizers: what `compile` takes, all of them as one, and Adam in one kernel."""

import copy
import types
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import tensorflow as tf

from zoo import checks
from zoo.errors import refusal, unknown

# {module of a recorded configuration: (the module, of what class its entry has to be)}
_KINDS: dict[str, tuple[types.ModuleType, type]] = {
    "keras.optimizers": (keras.optimizers, keras.optimizers.Optimizer),
    "keras.optimizers.schedules": (
        keras.optimizers.schedules,
        keras.optimizers.schedules.LearningRateSchedule,
    ),
}


def by_player(given: Any, players: Iterable[str]) -> dict[str, keras.optimizers.Optimizer]:
    """{player: optimizer} of what `compile` was given; players without one are left out.

    Args:
        given: {player: optimizer, or its name}; a name alone, of which every player gets one; for
            a single player an optimizer alone; None for none.
        players: names of the players.

    Raises:
        ValueError: an unknown player or name, or one optimizer for two players.
        TypeError: no optimizer.
    """
    names = list(players)
    one = isinstance(given, keras.optimizers.Optimizer)
    if isinstance(given, str) or (one and len(names) == 1):
        given = dict.fromkeys(names, given)
    elif one or not isinstance(given, Mapping | None):
        words = "{player: optimizer}, or the name of an optimizer, for the players "
        raise TypeError(refusal("optimizers", words + ", ".join(names), given))
    owners: dict[int, str] = {}
    found = {}
    for player, value in (given or {}).items():
        if player not in names:
            raise unknown("optimizers", player, names)
        if value is None:
            continue
        found[player] = _optimizer(player, value)
        other = owners.setdefault(id(found[player]), player)
        if other != player:
            expected = f"an optimizer of its own for each of {other} and {player}"
            raise ValueError(refusal("optimizers", expected, value))
    return found


def _optimizer(player: str, value: Any) -> keras.optimizers.Optimizer:
    value = inner(value)
    if isinstance(value, keras.optimizers.Optimizer):
        return value
    argument = f"optimizers[{player!r}]"
    if not isinstance(value, str):
        raise TypeError(refusal(argument, "a Keras optimizer, or the name of one", value))
    try:
        named = keras.optimizers.get(value)
    except ValueError:
        raise ValueError(refusal(argument, "the name of a Keras optimizer", value)) from None
    named.name = f"{player}_{named.name}"
    return named


def record(given: Mapping[str, keras.optimizers.Optimizer]) -> dict[str, Any]:
    """{player: configuration}, JSON-able, of what `by_player` returned.

    Without names, which Keras numbers in each process anew.
    """
    found = {}
    for player, optimizer in given.items():
        found[player] = keras.optimizers.serialize(optimizer)
        found[player]["config"].pop("name", None)
    return found


def revive(configs: Any) -> dict[str, keras.optimizers.Optimizer]:
    """The optimizers that `record` described; those of Keras and this module alone.

    Raises:
        ValueError: no description, or one that names another class.
    """
    expected = "configurations of Keras' optimizers, by player"
    if not isinstance(configs, Mapping):
        raise ValueError(refusal("optimizers", expected, configs))
    found = {}
    for player, config in configs.items():
        argument, parts = f"optimizers[{player!r}]", list(checks.classes_of(config))
        if parts[:1] != [config] or not all(map(_is_known, parts)):
            raise ValueError(refusal(argument, expected, config))
        own = {FusedAdam.__name__: FusedAdam}
        try:
            found[player] = keras.optimizers.deserialize(copy.deepcopy(config), custom_objects=own)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise ValueError(refusal(argument, expected, reason)) from error
    return found


def _is_known(part: dict[str, Any]) -> bool:
    """Whether a part of a configuration names an optimizer or a schedule of Keras, or FusedAdam."""
    module, name = part.get("module"), part["class_name"]
    if (module, name) == (FusedAdam.__module__, FusedAdam.__name__):
        return True
    room, kind = _KINDS.get(str(module), (None, object))
    found = vars(room).get(str(name)) if room else None
    return isinstance(found, type) and issubclass(found, kind)


def check(
    given: Mapping[str, keras.optimizers.Optimizer],
    before: Mapping[str, keras.optimizers.Optimizer],
    lr_schedule: str,
) -> None:
    """Refuses optimizers of other variables, averages and scales of their own, and two schedules.

    Args:
        given: of `by_player`.
        before: {player: its optimizer until now}.
        lr_schedule: of the model.
    """
    for player, optimizer in given.items():
        argument = f"optimizers[{player!r}]"
        if optimizer.built and optimizer is not before.get(player):
            expected = "an optimizer that was not used before"
            raise ValueError(refusal(argument, expected, optimizer))
        scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        if scaled or getattr(optimizer, "loss_scale_factor", None):
            expected = "an optimizer that scales no loss: in float16 the model does"
            raise ValueError(refusal(argument, expected, type(optimizer).__name__))
        if optimizer.use_ema:  # its averages take the place of the weights when `fit` ends
            expected = "False, as validation would measure other weights than those of the end"
            hint = "The model's own ema_decay averages what it measures and its verbs use."
            raise ValueError(refusal(f"{argument}.use_ema", expected, True, hint))
        settable = isinstance(optimizer.learning_rate, keras.Variable)
        if lr_schedule != "constant" and not settable:
            expected = f"a float learning rate with lr_schedule={lr_schedule!r}"
            raise ValueError(refusal(argument, expected, optimizer.get_config()))


def check_variables(
    optimizers: Mapping[str, keras.optimizers.Optimizer],
    players: Mapping[str, Iterable[keras.Variable]],
) -> None:
    """Refuses variables that the players' optimizers were not made for.

    Somebody has frozen or unfrozen a network since: a step that is traced would not heed it.

    Args:
        optimizers: {player: optimizer}, built.
        players: {player: variables that it would move now}.
    """
    for player, variables in players.items():
        now = {id(variable): variable.path for variable in variables}
        then = {id(variable): variable.path for variable in optimizers[player]._trainable_variables}
        if changed := now.keys() ^ then.keys():
            expected = "compile(), with new optimizers, after a network was frozen or unfrozen"
            raise ValueError(refusal("trainable", expected, (now | then)[min(changed)]))


class _Rates(keras.Variable):
    """The players' learning rates as one: it reads as the first; what is assigned, all get."""

    def __init__(self, optimizers: Mapping[str, keras.optimizers.Optimizer]) -> None:
        self._optimizers = optimizers
        super().__init__(0.0, trainable=False, name="learning_rate")

    def _initialize(self, value: Any) -> None:
        self._value = next(iter(self._optimizers.values())).learning_rate.value

    def _direct_assign(self, value: Any) -> None:
        _set_rates(self._optimizers, value)


def _set_rates(optimizers: Mapping[str, keras.optimizers.Optimizer], value: Any) -> None:
    """Sets the learning rate of every player, or refuses it for all of them."""
    for player, optimizer in optimizers.items():
        if not (callable(value) or isinstance(optimizer.learning_rate, keras.Variable)):
            expected = f"no number, as {player} has a schedule of its own"
            raise TypeError(refusal("learning_rate", expected, value))
    for optimizer in optimizers.values():
        optimizer.learning_rate = value


class Players(keras.optimizers.Optimizer):
    """The optimizers of all players as one: what Keras and its callbacks call `model.optimizer`.

    Its learning rate reads as the first player's; a rate that is set or assigned is every player's.
    Callbacks that set learning rates find the players' own in `optimizers`, where there are
    several.

    Args:
        optimizers: {player: optimizer}, built.
    """

    def __init__(self, optimizers: Mapping[str, keras.optimizers.Optimizer]) -> None:
        super().__init__(learning_rate=0.0, name="players")
        # Not as a dict, of which Keras would save the content once more.
        self._by_player = types.MappingProxyType(dict(optimizers))
        self._first = next(iter(optimizers.values()))
        settable = isinstance(self._first.learning_rate, keras.Variable)
        self._rates = _Rates(self._by_player) if settable else None
        if len(optimizers) > 1:
            self.optimizers = list(optimizers.values())
        self.built = True

    @property
    def iterations(self) -> keras.Variable:
        return self._first.iterations

    @property
    def learning_rate(self) -> Any:
        own = self._first.learning_rate  # a schedule's, perhaps, if somebody has set one
        return own if self._rates is None or not isinstance(own, keras.Variable) else self._rates

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        _set_rates(self._by_player, value)

    def get_config(self) -> dict[str, Any]:
        """The players' configurations; `learning_rate` is the first one's."""
        configs = {player: each.get_config() for player, each in self._by_player.items()}
        rate = self._first.get_config()["learning_rate"]
        return {"name": self.name, "learning_rate": rate, "players": configs}

    @property
    def variables(self) -> list[keras.Variable]:
        return [v for each in self._by_player.values() for v in each.variables]

    def save_own_variables(self, store: Any) -> None:
        """Nothing: the players' optimizers save theirs."""

    def load_own_variables(self, store: Any) -> None:
        """Nothing, as `save_own_variables`."""

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        raise RuntimeError("Players move one by one: `train_step` calls `play`.")


@keras.saving.register_keras_serializable("zoo")
class FusedAdam(keras.optimizers.Adam):
    """`keras.optimizers.Adam`, its update done by one kernel instead of a dozen passes over each
    variable.

    The same slots, the same configuration, the same update to rounding:

        m += (1 - beta_1) (g - m);  v += (1 - beta_2) (g^2 - v)
        w -= lr sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

    Reference: Kingma and Ba, arXiv 1412.6980, end of section 2.
    """

    def update_step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor
    ) -> None:
        if not self._fits(gradient, variable):
            super().update_step(gradient, variable, learning_rate)
            return
        self._update(gradient, variable, self._numbers(learning_rate, variable.dtype))

    def _backend_update_step(
        self, grads: list, trainable_variables: list, learning_rate: tf.Tensor
    ) -> None:
        """Moves all variables by numbers that are computed once; replicas compute their own."""
        values = [getattr(variable, "value", variable) for variable in trainable_variables]
        alike = all(map(self._fits, grads, values)) and len({v.dtype for v in values}) == 1
        if tf.distribute.has_strategy() or not alike:
            super()._backend_update_step(grads, trainable_variables, learning_rate)
            return
        numbers = self._numbers(learning_rate, values[0].dtype)
        for gradient, variable in zip(grads, values, strict=True):
            self._update(gradient, variable, numbers)

    def _fits(self, gradient: tf.Tensor, variable: tf.Variable) -> bool:
        """Whether the kernel can do the update."""
        dense = not isinstance(gradient, tf.IndexedSlices)
        return dense and hasattr(variable, "handle") and not self.amsgrad

    def _numbers(self, learning_rate: tf.Tensor, dtype: tf.DType) -> dict[str, tf.Tensor]:
        """What the kernel is told of this step, whatever the variable."""
        step = tf.cast(self.iterations + 1, dtype)
        beta_1, beta_2 = tf.cast(self.beta_1, dtype), tf.cast(self.beta_2, dtype)
        return {
            "beta1_power": beta_1**step,
            "beta2_power": beta_2**step,
            "lr": tf.cast(learning_rate, dtype),
            "beta1": beta_1,
            "beta2": beta_2,
            "epsilon": tf.cast(self.epsilon, dtype),
        }

    def _update(
        self, gradient: tf.Tensor, variable: tf.Variable, numbers: dict[str, tf.Tensor]
    ) -> None:
        index = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=_handle(self._momentums[index]),
            v=_handle(self._velocities[index]),
            grad=tf.cast(gradient, variable.dtype),
            **numbers,
        )


def _handle(slot: keras.Variable) -> tf.Tensor:
    """The slot's resource; of a mirrored one the copy of the replica that is being updated."""
    slot = slot.value
    return (
        slot.handle
        if not hasattr(slot, "_get_on_device_or_primary")
        else slot._get_on_device_or_primary().handle
    )


class LossScaleOptimizer(keras.optimizers.LossScaleOptimizer):
    """A player's optimizer in float16: it leaves out plays that the model says overflowed.

    One scale is that of all players (`zoo.model.loss_scale`), as one backward pass may serve
    several; `dynamic_scale` and `step_counter` show it, as Keras' class does.

    Args:
        inner_optimizer: what moves the player, any of Keras'.
        scale: of the model's losses.
        steady: how many plays ago it changed.
    """

    def __init__(
        self,
        inner_optimizer: keras.optimizers.Optimizer,
        scale: keras.Variable,
        steady: keras.Variable,
    ) -> None:
        super().__init__(inner_optimizer, name=f"loss_scale_{inner_optimizer.name}")
        self.dynamic_scale, self.step_counter = scale, steady

    def build(self, variables: list[keras.Variable]) -> None:
        self.inner_optimizer.build(variables)
        keras.optimizers.Optimizer.build(self, variables)

    @property
    def variables(self) -> list[keras.Variable]:
        """The inner optimizer's alone: the scale is the model's."""
        return self.inner_optimizer.variables

    def save_own_variables(self, store: Any) -> None:
        """Nothing: the inner optimizer saves its own, and the model the scale."""

    def load_own_variables(self, store: Any) -> None:
        """Nothing, as `save_own_variables`."""

    def apply(
        self, grads: Any, trainable_variables: Any = None, *, moves: tf.Tensor | None = None
    ) -> None:
        """Moves the variables, or leaves them and all that the inner optimizer keeps as they are.

        Args:
            grads: out of the scale.
            trainable_variables: as Keras'.
            moves: a bool, the same on all replicas; None for True.
        """
        move = self.inner_optimizer.apply
        if moves is None:
            move(grads, trainable_variables)
        elif tf.__internal__.distribute.strategy_supports_no_merge_call():
            tf.cond(moves, lambda: move(grads, trainable_variables), lambda: None)
        else:  # a branch may not merge replicas, as optimizers do, so the branches are outside

            def together(strategy: Any, moves: Any, *arguments: Any) -> None:
                every = strategy.extended.call_for_each_replica
                first = strategy.experimental_local_results(moves)[0]
                tf.cond(first, lambda: every(move, args=arguments), lambda: None)

            replica = tf.distribute.get_replica_context()
            replica.merge_call(together, args=(moves, grads, trainable_variables))


def inner(optimizer: Any) -> Any:
    """What a `LossScaleOptimizer` moves its player with; all else as it is."""
    return optimizer.inner_optimizer if isinstance(optimizer, LossScaleOptimizer) else optimizer
