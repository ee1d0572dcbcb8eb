"""The base of every method: what it defines, its networks, and what Keras wants of a model."""

import inspect
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from zoo import checks, distributions, fields, networks, precision, registry
from zoo.errors import refusal, unknown
from zoo.fields import HyperParameter, field
from zoo.model.batches import Batches
from zoo.model.building import Building
from zoo.model.doors import KERAS_NAMES, named
from zoo.model.game import Game, ending_in_report
from zoo.model.logs import Logs
from zoo.model.rows import DISTRIBUTIONS, Rows, giving_distribution
from zoo.model.saving import Saving
from zoo.optimizers import FusedAdam, Players, by_player, check, check_variables, inner, record
from zoo.staged import Staged, keras_step

_REQUIRED: Any = inspect.Parameter.empty  # no default, refused in words of our own
_LARGEST = 2**26  # numbers of one example: 8192 x 8192; no network would fit into memory
_NUM_ATTRIBUTES = HyperParameter("num_attributes", "int", None, optional=True, at_least=1)


class GenerativeModel(fields.Declared, Rows, Game, Building, Batches, Saving):
    """A generative model as players of a game.

    A method declares its hyper-parameters as fields (`zoo.fields`) and sets `PLAYERS`; it makes its
    networks in `make_networks`, and defines `train_step` and the distributions it has:
    `posterior(x)` q(z|x), `likelihood(z)` p(x|z), `prior` p(z). The verbs follow from these.

    Class attributes:
        PLAYERS: {player: roles of its networks}. Each has a field `<player>_learning_rate`.
        SHARED: roles that belong to several players on purpose.
        LOGS: names given to `self.log` in the phases, beside each player's loss.
        DENSITY: "exact", "lower_bound" or None: what `log_prob` returns.
        LABELS: which of `num_classes` and `num_attributes` mean something to the method.
        NEEDS_LABELS: whether it is nothing without one of these.
        NEEDS_REFERENCE: whether it learns from two data sets, the second one as "x_reference".
        OUTPUT_BIAS: whether the decoder's output bias is set from the data before step 0.

    Raises:
        ValueError: a value out of range, an unknown argument, network or role.
        TypeError: a value of another kind.
    """

    ARGUMENTS = {
        "image_shape": "(H, W, C), or (D,) for vectors.",
        "num_attributes": "of float attribute vectors `y`, an int >= 1, or None.",
        "dtype": 'Keras dtype policy, such as "mixed_bfloat16"; "auto": that, where it is fast.',
        "name": "of the Keras model.",
    }
    RESERVED = KERAS_NAMES
    PLAYERS: ClassVar[dict[str, tuple[str, ...]]] = {}
    SHARED: ClassVar[tuple[str, ...]] = ()
    LOGS: ClassVar[tuple[str, ...]] = ()
    DENSITY: ClassVar[Literal["exact", "lower_bound"] | None] = None
    LABELS: ClassVar[tuple[str, ...]] = ()
    NEEDS_LABELS = False
    NEEDS_REFERENCE = False
    OUTPUT_BIAS = False

    if TYPE_CHECKING:  # what the constructor takes beside the fields
        image_shape: tuple[int, ...]
        num_attributes: int | None = None
        dtype: Any = None
        name: str | None = None

    latent_dim: int = field("dimensions of z", default=64, at_least=1)
    network: str = field('"auto", or the name of a table of networks', default="auto")
    seed: int = field(
        "of the initial weights and of all noise", default=0, at_least=0, at_most=2_147_483_647
    )
    learning_rate: float = field(
        "of Adam, for players without one of their own", default=2e-4, above=0
    )
    beta_1: float = field(
        "of Adam: decay of the mean of gradients", default=0.5, at_least=0, below=1
    )
    beta_2: float = field(
        "of Adam: decay of the mean of squares", default=0.999, at_least=0, below=1
    )
    lr_schedule: Literal["constant", "linear", "exponential"] = field(
        "how learning rates fall, from step `decay_from` over `decay_steps`", default="constant"
    )
    decay_from: int = field("first step of the decay", default=0, at_least=0, needs="decay_steps")
    decay_steps: int = field(
        "length of the decay, which ends at 1 % of the learning rate",
        default=0,
        at_least=0,
        needs="lr_schedule=linear|exponential",
    )
    init_stddev: float | None = field(
        "of Gaussian initial weights; None leaves it to the network's table", default=None, above=0
    )
    clip_norm: float | None = field(
        "largest norm of a player's gradient, over all replicas; None does not clip",
        default=None,
        above=0,
    )
    ema_decay: float | None = field(
        "decay of the moving averages of the weights and of batch statistics, which evaluation and "
        "all verbs use if it is set; early on the smaller (1 + t) / (10 + t) is used at step t",
        default=None,
        at_least=0,
        below=1,
    )
    weight_decay: float = field(
        "L2: each gradient gets weight_decay times its weights added", default=0.0, at_least=0
    )
    num_classes: int | None = field(
        "of labels `y`, for methods that use them", default=None, at_least=2
    )

    def __init_subclass__(cls, **options: Any) -> None:
        if "__init__" in vars(cls):
            expected = 'fields, such as gamma: float = field("weight of ...", default=1.0)'
            raise TypeError(refusal(f"{cls.__name__}.__init__", expected, "a constructor"))
        super().__init_subclass__(**options)
        if "train_step" in vars(cls):
            cls.train_step = ending_in_report(cls.train_step)
        for name in DISTRIBUTIONS & vars(cls).keys():
            if callable(vars(cls)[name]):
                setattr(cls, name, giving_distribution(vars(cls)[name]))
        # Users' classes under their modules: one of a built-in's name must not take its place.
        package = "zoo" if cls.__module__.split(".")[0] == "zoo" else cls.__module__
        keras.saving.register_keras_serializable(package, cls.__qualname__)(cls)

    def __init__(
        self,
        *,
        image_shape: Sequence[int] = _REQUIRED,
        num_attributes: int | None = None,
        dtype: Any = None,
        name: str | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(name=name, dtype=_policy(dtype))
        if self.variable_dtype == "float16":
            expected = "mixed_float16, as small steps of weights vanish in float16"
            raise ValueError(refusal("dtype", expected, self.dtype_policy.name))
        self.image_shape = _image_shape(image_shape)
        self.num_attributes = _NUM_ATTRIBUTES.check(num_attributes)
        self._given = self.assign(arguments)  # networks of one's own, by role
        self._finish: dict[str, Any] = {}  # {role: what their outputs go through}
        roles = {role for player in self.players.values() for role in player}
        for argument in self._given.keys() - roles:
            valid = [*registry.hyper_parameters(type(self)), *roles, *self.ARGUMENTS]
            raise unknown("argument", argument, valid)
        networks.check(self.network, self.image_shape)
        for argument in ("num_classes", "num_attributes"):
            fits = getattr(self, argument) is None or argument in self.LABELS
            self.require(fits, argument, f"None, as {self.method} has no use for it")
        scheduled = self.lr_schedule == "constant" or self.decay_steps
        self.require(scheduled, "decay_steps", f"an int >= 1 with lr_schedule={self.lr_schedule!r}")
        one_kind = self.num_classes is None or self.num_attributes is None
        self.require(one_kind, "num_attributes", f"None with num_classes={self.num_classes}")
        self.stage = self.stage_at(0)  # set before each trace of `train_step`
        self.networks: dict[str, Any] = {}
        self.untrained: frozenset[str] = frozenset()  # roles that a pretrained model came without
        self.make_networks()
        self._check_owners()
        self._make_state()

    def require(self, condition: Any, argument: str, expected: str) -> None:
        """Raises `ValueError` in one line that names the argument, unless the condition holds."""
        if not condition:
            raise ValueError(refusal(argument, expected, getattr(self, argument)))

    # --- what a method defines --------------------------------------------------------------------

    @property
    def players(self) -> dict[str, tuple[str, ...]]:
        """{player: roles} of this model: `PLAYERS`, where the arguments change nothing."""
        return self.PLAYERS

    def make_networks(self) -> None:
        """Calls `self.make(role, ...)` for each role of the players."""
        raise NotImplementedError(f"{type(self).__name__} makes no networks.")

    @property
    def prior(self) -> tfd.Distribution:
        """p(z), batch shape []."""
        return distributions.standard_normal(self.latent_dim)

    def adapt(self, x: tf.Tensor) -> None:
        """Data-dependent initialisation from one batch, before step 0.

        With `OUTPUT_BIAS` the decoder begins at the mean of the data (ALI, appendix A).
        """
        if self.OUTPUT_BIAS:
            distributions.set_output_bias(self.decoder, x)

    @property
    def stage_starts(self) -> tuple[int, ...]:
        """Steps from which `train_step` is another one; it asks `self.stage`, in Python."""
        return ()

    def stage_at(self, step: int) -> int:
        """The stage of a step: how many of `stage_starts` have come."""
        return sum(step >= start for start in self.stage_starts)

    @property
    def method(self) -> str:
        """The name that `zoo.create` knows."""
        return registry.name_of(type(self))

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """The constructor's arguments, JSON-able: `create(method, **them)` makes a twin."""
        own = {name: getattr(self, name) for name in registry.hyper_parameters(type(self))}
        data = {"image_shape": self.image_shape, "num_attributes": self.num_attributes}
        return data | own | {"dtype": self.dtype_policy.name}

    @property
    def player_variables(self) -> dict[str, list[keras.Variable]]:
        """{player: its trainable variables}."""
        return {
            player: [v for role in roles for v in self.networks[role].trainable_variables]
            for player, roles in self.players.items()
        }

    @property
    def state(self) -> dict[str, keras.Variable]:
        """{path: variable}: all that a checkpoint holds, in an order fixed by the configuration."""
        rooms = {f"networks/{role}": network.variables for role, network in self.networks.items()}
        rooms["averages"] = self._averages
        rooms |= {f"optimizers/{player}": o.variables for player, o in self.optimizers.items()}
        found = {"step": self.step, "play_counter": self.play_counter}
        found |= self._loss_scale.state if self._loss_scale is not None else {}
        for room, variables in rooms.items():
            # Slots are named after Keras' own layer names, which count per process: their order
            # alone is stable.
            found |= {f"{room}/{i:03d}": v for i, v in enumerate(variables)}
        return found

    # --- Keras ------------------------------------------------------------------------------------

    def compile(
        self,
        optimizers: Any = None,
        loss: Any = None,
        *,
        optimizer: Any = None,
        jit_compile: bool | Literal["auto"] = "auto",
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        **others: Any,
    ) -> None:
        """Prepares training.

        Args:
            optimizers: {player: Keras optimizer, or its name}, in the place of these players'
                default Adams; or the name of one, such as "adam", which every player gets; or an
                optimizer, where there is one player. With `lr_schedule` their learning rates are
                scaled.
            optimizer: the same, as Keras calls it.
            loss: None, as for all that Keras takes beside these: the method has its own losses.
            jit_compile: whether by XLA; "auto": on accelerators only (it slows CPUs' convolutions).
            run_eagerly: whether steps run without tracing, for debugging.
            steps_per_execution: batches a call of the traced step.

        Raises:
            ValueError, TypeError: optimizers of another form, or that scale losses, which the
                model does; losses or metrics, which the method has itself.
        """
        for argument, value in {"loss": loss, **others}.items():
            if value is not None:
                expected = "no such argument, as the method has its own losses and metrics"
                raise TypeError(refusal(argument, expected, value))
        if optimizer is not None and optimizers is not None:
            raise TypeError(refusal("optimizer", "None with optimizers", optimizer))
        given = by_player(optimizers if optimizer is None else optimizer, self.players)
        check(given, {p: inner(o) for p, o in self.optimizers.items()}, self.lr_schedule)
        self._own_optimizers = record(given)
        moved = self.player_variables
        for player in self.players:
            optimizer = given.get(player) or self._adam(player)
            if self._loss_scale is not None:
                optimizer = self._loss_scale.heeded(optimizer)
            optimizer.build(moved[player])
            self.optimizers[player] = optimizer
        if jit_compile == "auto":
            jit_compile = bool(
                tf.config.list_physical_devices("GPU") or tf.config.list_physical_devices("TPU")
            )
        self._compile_arguments = {
            "jit_compile": checks.truth(jit_compile, "jit_compile"),
            "run_eagerly": checks.truth(run_eagerly, "run_eagerly"),
            "steps_per_execution": checks.whole(steps_per_execution, "steps_per_execution"),
        }
        options = {"auto_scale_loss": False, **self._compile_arguments}  # `play` scales losses
        super().compile(optimizer=Players(self.optimizers), **options)
        self._logs = Logs(self._measured, [f"{player}_loss" for player in self.players])

    def _adam(self, player: str) -> FusedAdam:
        rate = self.learning_rate_of(player)
        return FusedAdam(rate, self.beta_1, self.beta_2, epsilon=1e-8, name=f"{player}_adam")

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "optimizer" and not isinstance(value, Players | None):  # nobody would use it
            raise TypeError(refusal("optimizer", "compile(optimizer=...) to set it", value))
        if name in self.HYPER_PARAMETERS and "_averages" in vars(self):  # it is traced, and used up
            expected = f"a new model, as of create({self.method!r}, {name}=..., ...), to change it"
            raise AttributeError(refusal(name, expected, value))
        super().__setattr__(name, value)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [] if self._logs is None else [self._logs]

    @property
    def log_names(self) -> tuple[str, ...]:
        """Keys of the logs that `train_step` returns; `loss` is the sum of the players' losses."""
        return ("loss", *self._measured)

    @property
    def _measured(self) -> tuple[str, ...]:
        """The logs of a training step that are averaged."""
        return (*self._evaluated, *(f"{player}_gradient_norm" for player in self.players))

    @property
    def phase_logs(self) -> tuple[str, ...]:
        """Names that the phases give to `self.log`: `LOGS`, where the arguments change nothing."""
        return self.LOGS

    @property
    def _evaluated(self) -> tuple[str, ...]:
        """The logs of `test_step` that are averaged."""
        return (*(f"{player}_loss" for player in self.players), *self.phase_logs)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """x -> `reconstruct(x, seed=0)`; without it z -> mean of p(x|z).

        Of models that cannot decode x -> logits, log r(x) or log p(x).
        """
        inputs = named(inputs)["x"]
        if "decode" in self.capabilities and "reconstruct" not in self.capabilities:
            with self.inference():
                return self.likelihood(inputs).mean()
        return self.told_rows(self.as_images(inputs))

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        """The losses of one batch, in inference mode, without updates; on noise of its own.

        An evaluation counts its batches from 0, so it can be repeated.
        """
        losses = self.losses_of(data, self.test_counter)
        self.test_counter.assign_add(1)
        self._track({f"{player}_loss": loss for player, loss in losses.items()})
        return self._means(self._evaluated)

    def reset_metrics(self) -> None:
        super().reset_metrics()
        self.test_counter.assign(0)

    def _symbolic_build(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: the model is built, and under several workers this fails (keras issue 20585)."""

    _maybe_symbolic_build = _symbolic_build

    def make_train_function(self, force: bool = False) -> Any:
        """Keras' traced step, one for each stage, chosen before each call."""
        check_variables(self.optimizers, self.player_variables)
        made = getattr(self, "train_function", None)
        if not self.stage_starts or (made and not force):
            return super().make_train_function(force)
        staged = Staged(self, lambda: keras_step(self), self.steps_per_execution)
        self.train_function = staged
        return staged


def _policy(dtype: Any) -> Any:
    """A Keras dtype policy; None of what Keras sets for all."""
    try:
        chosen = precision.chosen(dtype) if dtype == "auto" else dtype
        return None if chosen is None else keras.dtype_policies.get(chosen)
    except (TypeError, ValueError):
        expected = "a Keras dtype policy, such as 'mixed_bfloat16'"
        raise ValueError(refusal("dtype", expected, dtype)) from None


def _image_shape(shape: Any) -> tuple[int, ...]:
    expected = f"(H, W, C) or (D,), all ints >= 1, at most {_LARGEST} numbers"
    shape = None if shape is _REQUIRED else shape
    try:
        sizes = tuple(checks.whole(axis, "image_shape") for axis in shape)
    except (TypeError, ValueError) as error:
        raise type(error)(refusal("image_shape", expected, shape)) from None
    if len(sizes) not in (1, 3) or math.prod(sizes) > _LARGEST:
        raise ValueError(refusal("image_shape", expected, shape))
    return sizes
