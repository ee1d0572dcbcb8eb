"""A model's networks and variables: made from a table, or as the caller passed them."""

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

import keras
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from zoo import distributions, networks, seeds
from zoo.errors import refusal, unknown
from zoo.model.logs import Logs
from zoo.model.loss_scale import LossScale
from zoo.networks import own

Shape = Sequence[int]


class Building:
    """How `make_networks` makes networks, and what the base makes beside them.

    Mixed into the model (`zoo.model.base`), whose hyper-parameters it reads.
    """

    # What networks of one's own take and give, by role; one logit may be [B] or [B, 1].
    ROLES: ClassVar[dict[str, str]] = {
        "encoder": "x [B, *image_shape], and noise and labels [B, A] if any -> [B, 2 latent_dim], "
        "means and log standard deviations of a normal q(z|x); [B, latent_dim] for a point.",
        "decoder": "codes [B, latent_dim], with labels behind them if any -> [B, *image_shape], "
        "logits of an image, or a vector itself.",
        "discriminator": "x [B, *image_shape], then codes [B, latent_dim] and labels [B, A] if any "
        "-> one logit; [B, K + 1] logits where it classifies. Of acgan and infogan its logit, "
        "then what else it tells of x.",
        "code_discriminator": "codes [B, latent_dim] -> one logit.",
        "critic": "x [B, *image_shape] -> one score.",
    }

    image_shape: tuple[int, ...]
    latent_dim: int
    network: str
    seed: int
    init_stddev: float | None
    ema_decay: float | None
    dtype_policy: Any
    SHARED: ClassVar[tuple[str, ...]]
    players: dict[str, tuple[str, ...]]
    networks: dict[str, Any]
    apply: Callable[..., tf.Tensor]
    add_weight: Callable[..., keras.Variable]
    _given: dict[str, Any]
    _finish: dict[str, Callable[[tf.Tensor], tf.Tensor]]

    def make(
        self,
        role: str,
        *inputs: Shape,
        outputs: Shape = (),
        like: str | None = None,
        standard: bool = False,
        kind: type | None = None,
    ) -> None:
        """Makes the network of a role, from the table, or as the caller passed it.

        Args:
            role: its name; it becomes an attribute and an entry of `self.networks`.
            *inputs: shapes of one example of each input.
            outputs: shape of one output example; () for one logit.
            like: the role whose rows it gets, where the table has no such role.
            standard: whether the outputs get mean 0 and variance 1 over the batch, by batch
                normalisation of the last row; networks of one's own see to it themselves.
            kind: the class that is made of the rows, whose functions the method uses; None for
                `Stack`, or `Pair`.
        """
        network = self._given.get(role)
        if network is None:
            network = networks.make(
                self.network,
                role,
                like=like or role,
                standard=standard,
                kind=kind or networks.Stack,
                image_shape=self.image_shape,
                outputs=outputs,
                inputs=inputs,
                init_stddev=self.init_stddev,
                init_seed=self.init_seed(role),
                dtype=self.dtype_policy,
            )
        else:
            self._check_kind(role, network, kind)
            self._finish[role] = self._finishing(role, network, inputs, outputs)
        self._keep(role, network, *inputs)

    def add_network(self, role: str, network: Any, *inputs: Shape) -> None:
        """Takes a network that the method made, or one of its kind that the caller passed.

        Args:
            role, *inputs: as in `make`.
            network: a Keras layer.
        """
        given = self._given.get(role, network)
        self._check_kind(role, given, type(network))
        self._keep(role, given, *inputs)

    def _check_kind(self, role: str, network: Any, kind: type | None) -> None:
        if kind is not None and not isinstance(network, kind):
            expected = f"a {kind.__name__}, whose functions the method uses"
            raise TypeError(refusal(role, expected, network))

    def _keep(self, role: str, network: Any, *inputs: Shape) -> None:
        if not network.built:
            network.build(*((None, *shape) for shape in inputs))
        if self.ema_decay is not None:
            for name in ("set_weights", "load_weights"):
                if hasattr(network, name):
                    setattr(network, name, self._then_restarting(getattr(network, name)))
        self.networks[role] = network
        setattr(self, role, network)

    def _finishing(
        self, role: str, network: Any, inputs: Sequence[Shape], outputs: Shape
    ) -> Callable[[tf.Tensor], tf.Tensor]:
        """What makes the outputs of a network of the caller's own those that the role gives."""
        found = own.check(role, network, inputs, outputs)
        image = role == "decoder" and len(outputs) == 3 and tuple(outputs) == self.image_shape
        logits = image or (role.endswith("discriminator") and len(outputs) < 2)
        last = own.last_activation(network)
        to_logits = own.TO_LOGITS.get(last, tf.identity) if logits else tf.identity
        if to_logits is not tf.identity:
            warnings.warn(
                f"The network {role!r} ends in {last}, where logits are meant: they are computed "
                "back from its outputs. End it in a linear layer.",
                stacklevel=2,
            )
        elif logits and own.never_negative(network, inputs):
            warnings.warn(
                f"The network {role!r} gives no negative number, and its outputs are taken for "
                "logits. End it in a linear layer.",
                stacklevel=2,
            )
        squeeze = tuple(outputs) != found
        return lambda x: to_logits(tf.squeeze(x, axis=-1) if squeeze else x)

    @property
    def own_optimizers(self) -> dict[str, Any]:
        """{player: configuration} of the optimizers that `compile` was given."""
        return dict(getattr(self, "_own_optimizers", {}))

    @property
    def own_networks(self) -> dict[str, Any]:
        """{role: configuration} of the networks that the caller passed, JSON-able."""
        return own.record(self._given)

    def require_rows(self, role: str) -> None:
        """Raises `TypeError` unless a role's network is made of rows, which `trace` needs."""
        if not hasattr(self.networks[role], "trace"):
            expected = "a network made of rows (zoo.networks), as hidden layers are used"
            raise TypeError(refusal(role, expected, self.networks[role]))

    def init_seed(self, role: str) -> int:
        """The seed of a role's initial weights, int."""
        return seeds.place_number(role) % 100_003 + self.seed

    def make_encoder(
        self,
        kind: Literal["normal", "deterministic", "implicit"],
        noise_dim: int | None = None,
        labels: int = 0,
    ) -> None:
        """Makes the encoder that `code` will use, of `latent_dim` dimensions.

        Args:
            kind: of q(z|x): "normal", "deterministic", or "implicit", a function of x and noise.
            noise_dim: width of the noise of an implicit one, None for `latent_dim`.
            labels: width of labels that join its inputs, after the noise.
        """
        self._code = kind, noise_dim or self.latent_dim
        self._encoder_noise = self._code[1] if kind == "implicit" else 0
        extra = self._encoder_noise + labels
        outputs = self.latent_dim * (2 if kind == "normal" else 1)
        self.make("encoder", self.image_shape, *(((extra,),) if extra else ()), outputs=(outputs,))

    def code(self, x: tf.Tensor, *labels: tf.Tensor) -> tfd.Distribution:
        """q(z|x) of the encoder that `make_encoder` made; labels [B, A] join its inputs."""
        kind, noise_dim = self._code

        def encode(*noise: tf.Tensor) -> tf.Tensor:
            extra = [*noise, *labels]
            return self.apply("encoder", x, *([tf.concat(extra, axis=-1)] if extra else []))

        return distributions.code(kind, encode, tf.shape(x)[0], self.latent_dim, noise_dim)

    def _check_owners(self) -> None:
        """Every network that learns belongs to one player, or to several on purpose."""
        for role in (role for roles in self.players.values() for role in roles):
            if role not in self.networks:
                raise unknown("PLAYERS", role, self.networks)
        for role, network in self.networks.items():
            owners = [player for player, roles in self.players.items() if role in roles]
            if not owners and network.trainable_variables:
                expected = f"an owner of the network {role!r}"
                raise ValueError(refusal("PLAYERS", expected, self.players))
            if len(owners) > 1 and role not in self.SHARED:
                expected = f"{role!r}, which {' and '.join(owners)} share"
                raise ValueError(refusal("SHARED", expected, self.SHARED))

    def _make_state(self) -> None:
        """The variables beside the networks': counters and moving averages."""
        counter = {
            "initializer": "zeros",
            "dtype": "int64",
            "trainable": False,
            "aggregation": "only_first_replica",
        }
        self.step = self.add_weight(name="step", **counter)
        self.play_counter = self.add_weight(name="play_counter", **counter)
        # Of an evaluation's batches: no part of the model's state.
        once = tf.VariableAggregation.ONLY_FIRST_REPLICA
        self.test_counter = tf.Variable(0, trainable=False, dtype=tf.int64, aggregation=once)
        networks = self.networks.values()
        self._averaged = [v for network in networks for v in network.trainable_variables]
        # Batch statistics too: those of the raw weights do not fit averaged ones.
        others = (v for network in networks for v in network.non_trainable_variables)
        self._averaged += [v for v in others if "float" in str(v.dtype)]
        self._averages: list[keras.Variable] = [
            self.add_weight(
                name="average",
                shape=variable.shape,
                dtype=variable.dtype,
                trainable=False,
                aggregation="mean",
            )
            for variable in (self._averaged if self.ema_decay is not None else ())
        ]
        # The last ones, which models in other types leave out when they load weights.
        layers = [layer for each in self.networks.values() for layer in each._flatten_layers()]
        in_float16 = any(layer.compute_dtype == "float16" for layer in layers)
        self._loss_scale = LossScale(self.add_weight) if in_float16 else None
        self.restart_averages()
        self.optimizers: dict[str, Any] = {}
        self._logs: Logs | None = None
        self._functions: dict = {}  # traced verbs
        self.built = True

    def _then_restarting(self, setter: Callable[..., None]) -> Callable[..., None]:
        """A network's method that sets its weights, after which the averages begin at these."""

        @functools.wraps(setter)
        def both(*arguments: Any, **options: Any) -> None:
            setter(*arguments, **options)
            self.restart_averages()

        return both

    def restart_averages(self) -> None:
        """The moving averages begin where the weights are now."""
        for average, variable in zip(self._averages, self._averaged):
            average.assign(variable)
