"""The base of every method: players, plays, draws, verbs.

A method's `train_step` reads like its paper's algorithm box:

    def train_step(self, data):
        batch = self.as_batch(data)
        self.play(self.game, batch["x"])      # losses by player, one tape, one update each
        return self.report()
"""

import contextlib
import contextvars
import dataclasses
from typing import Literal

import keras
import tensorflow as tf

from zoo import distributions, networks, registry, seeds
from zoo.errors import refusal, unknown
from zoo.optimizers import FusedAdam
from zoo.rows import Rows


@dataclasses.dataclass
class _Phase:
    """What the networks and draws of one phase share while it is traced."""

    seed: tf.Tensor  # int32 [2]
    training: bool
    calls: dict = dataclasses.field(default_factory=dict)


# Not an attribute of the model: replicas are traced in threads of their own, and a context variable
# is per thread.
_PHASE = contextvars.ContextVar("phase", default=None)


class GenerativeModel(Rows, keras.Model):
    """A generative model as players of a game.

    A method sets `PLAYERS`, makes its networks in `make_networks`, and defines `train_step` and the
    distributions it has: `posterior(x)` q(z|x), `likelihood(z)` p(x|z), `prior` p(z). The verbs
    follow from these.

    Class attributes:
        PLAYERS: {player: roles of its networks}.
        SHARED: roles that belong to several players on purpose.
        LOGS: names given to `self.log` in the phases, beside each player's loss.
        DENSITY: "exact", "lower_bound" or None: what `log_prob` returns.
        LABELS: which of `num_classes` and `num_attributes` mean something to the method.

    Args:
        image_shape: (H, W, C), or (D,) for vectors.
        latent_dim: dimensions of z, >= 1.
        network: "auto", or the name of a table of networks.
        seed: of the initial weights and of all noise, >= 0.
        learning_rate: of Adam, for players without one of their own, > 0.
        beta_1: of Adam, in [0, 1).
        beta_2: of Adam, in [0, 1).
        lr_schedule: "constant"; "linear" or "exponential" decay from step `decay_from` over
            `decay_steps`.
        decay_from: first step of the decay, >= 0.
        decay_steps: length of the decay; it ends at 1 % of the learning rate, >= 0.
        init_stddev: of Gaussian initial weights; None leaves it to the network's table, > 0.
        clip_norm: largest norm of a player's gradient, over all replicas; None does not clip, > 0.
        ema_decay: of the weights' moving average, used by all verbs when set; (1 + t) / (10 + t)
            at step t as long as that is less, in [0, 1).
        weight_decay: L2: each gradient gets weight_decay times its weights added, >= 0.
        num_classes: of labels `y`, for methods that use them, >= 2.
        num_attributes: of float attribute vectors `y`.
        dtype: Keras dtype policy, such as "mixed_bfloat16".
        **own: the method's hyper-parameters, and networks of one's own by role
            (`encoder=keras.Model(...)`).

    Raises:
        ValueError: a value out of range, an unknown argument, network or role.
        TypeError: a value of another kind.
    """

    PLAYERS = {}
    SHARED = ()
    LOGS = ()
    DENSITY = None
    LABELS = ()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        keras.saving.register_keras_serializable("zoo")(cls)

    def __init__(
        self,
        *,
        image_shape,
        latent_dim: int = 64,
        network: str = "auto",
        seed: int = 0,
        learning_rate: float = 2e-4,
        beta_1: float = 0.5,
        beta_2: float = 0.999,
        lr_schedule: Literal["constant", "linear", "exponential"] = "constant",
        decay_from: int = 0,
        decay_steps: int = 0,
        init_stddev: float | None = None,
        clip_norm: float | None = None,
        ema_decay: float | None = None,
        weight_decay: float = 0.0,
        num_classes: int | None = None,
        num_attributes=None,
        dtype=None,
        name=None,
        **own,
    ):
        super().__init__(name=name, dtype=dtype)
        values = {
            k: v
            for k, v in locals().items()
            if k not in ("self", "own", "dtype", "name", "__class__")
        } | own
        self.image_shape = _image_shape(values.pop("image_shape"))
        self.num_attributes = _num_attributes(values.pop("num_attributes"))
        declared = registry.hyper_parameters(type(self))
        for argument in declared.keys() & values.keys():
            setattr(self, argument, declared[argument].check(values.pop(argument)))
        roles = {role for player in self.players.values() for role in player}
        self._given = {role: values.pop(role) for role in roles & set(values)}
        for argument in values:
            raise unknown("argument", argument, [*declared, *roles, "image_shape"])
        self._declared = tuple(declared)
        self._encoder_noise = 0  # width of the noise that the encoder takes beside x
        for argument in ("num_classes", "num_attributes"):
            value = getattr(self, argument)
            if value is not None and argument not in self.LABELS:
                expected = f"None, as {self.method} has no use for it"
                raise ValueError(refusal(argument, expected, value))
        if self.num_classes is not None and self.num_attributes is not None:
            expected = f"None with num_classes={self.num_classes}"
            raise ValueError(refusal("num_attributes", expected, self.num_attributes))
        self.stage = self.stage_at(0)  # set before each trace of `train_step`
        self.networks = {}
        self.make_networks()
        self._made()

    # --- what a method defines --------------------------------------------------------------------

    @property
    def players(self):
        """{player: roles} of this model: `PLAYERS`, where the arguments change nothing."""
        return self.PLAYERS

    def make_networks(self):
        """Calls `self.make(role, ...)` for each role of the players."""
        raise NotImplementedError(f"{type(self).__name__} makes no networks.")

    @property
    def prior(self):
        """p(z), batch shape []."""
        return distributions.standard_normal(self.latent_dim)

    def adapt(self, x):
        """Data-dependent initialisation from one batch, before step 0; nothing by default."""

    def phase_inputs(self, batch):
        """What the phases take of a batch: x, and its labels if the model is conditional."""
        return (batch["x"], batch["y"]) if self.conditional else (batch["x"],)

    def losses_of(self, *arguments):
        """{player: loss} of one batch, for `test_step`: all phases, without updates."""
        raise NotImplementedError

    @property
    def stage_starts(self):
        """Steps from which `train_step` is another one; it asks `self.stage`, in Python."""
        return ()

    # --- construction -----------------------------------------------------------------------------

    def make(self, role, *inputs, outputs=(), like=None, standard=False):
        """Makes the network of a role, from the table, or as the caller passed it.

        Args:
            role: its name; it becomes an attribute and an entry of `self.networks`.
            *inputs: shapes of one example of each input.
            outputs: shape of one output example; () for one logit.
            like: the role whose rows it gets, where the table has no such role.
            standard: whether the outputs get mean 0 and variance 1 over the batch, by batch
                normalisation of the last row; networks of one's own see to it themselves.
        """
        network = self._given.get(role)
        if network is None:
            network = networks.make(
                self.network,
                role,
                like=like or role,
                standard=standard,
                image_shape=self.image_shape,
                latent_dim=self.latent_dim,
                outputs=outputs,
                inputs=inputs,
                init_stddev=self.init_stddev,
                init_seed=self.init_seed(role),
                dtype=self.dtype_policy,
            )
        self.add_network(role, network, *inputs)

    def add_network(self, role, network, *inputs):
        """Takes a network that the method made, or the one that the caller passed for its role.

        Args:
            role, *inputs: as in `make`.
            network: a Keras layer.
        """
        given = self._given.get(role)
        network = network if given is None else given
        if not network.built:
            network.build(*((None, *shape) for shape in inputs))
        self.networks[role] = network
        setattr(self, role, network)

    def init_seed(self, role):
        """The seed of a role's initial weights, int."""
        return seeds.place_number(role) % 100_003 + self.seed

    def make_encoder(self, kind, noise_dim=None, labels=0):
        """Makes the encoder of a `zoo.distributions.code` of latent_dim dimensions.

        Args:
            kind: "normal", "deterministic" or "implicit".
            noise_dim: of an implicit one, None for `latent_dim`.
            labels: width of labels that join its inputs, after the noise.
        """
        extra = labels + (noise_dim or self.latent_dim) * (kind == "implicit")
        self._encoder_noise = extra - labels
        outputs = self.latent_dim * (2 if kind == "normal" else 1)
        inputs = ((extra,),) if extra else ()
        self.make("encoder", self.image_shape, *inputs, outputs=(outputs,))

    def code(self, x, kind, noise_dim=None, labels=()):
        """q(z|x) of the encoder that `make_encoder` made; labels: tensors [B, A] that join it."""

        def encode(*noise):
            extra = [*noise, *labels]
            return self.apply("encoder", x, *([tf.concat(extra, axis=-1)] if extra else []))

        return distributions.code(kind, encode, tf.shape(x)[0], self.latent_dim, noise_dim)

    def _made(self):
        """The variables beside the networks', and the check on who owns what."""
        owners = {}
        for player, roles in self.players.items():
            for role in roles:
                owners.setdefault(role, []).append(player)
        for role in self.networks:
            count = len(owners.get(role, ()))
            if count == 0 and self.networks[role].trainable_variables:
                raise ValueError(
                    refusal("PLAYERS", f"an owner of the network {role!r}", self.players)
                )
            if count > 1 and role not in self.SHARED:
                raise ValueError(
                    refusal(
                        "SHARED", f"{role!r}, which {' and '.join(owners[role])} share", self.SHARED
                    )
                )
        counter = {
            "initializer": "zeros",
            "dtype": "int64",
            "trainable": False,
            "aggregation": "only_first_replica",
        }
        self.step = self.add_weight(name="step", **counter)
        self.play_counter = self.add_weight(name="play_counter", **counter)
        self._averages = []
        if self.ema_decay is not None:
            for variable in self._trained:
                average = self.add_weight(
                    name="average",
                    shape=variable.shape,
                    dtype=variable.dtype,
                    trainable=False,
                    aggregation="mean",
                )
                average.assign(variable)
                self._averages.append(average)
        self.optimizers = {}
        self._functions = {}
        self.built = True

    def stage_at(self, step):
        """The stage of a step: how many of `stage_starts` have come."""
        return sum(step >= start for start in self.stage_starts)

    @property
    def _trained(self):
        """All trainable variables, each once."""
        return [v for network in self.networks.values() for v in network.trainable_variables]

    @property
    def method(self):
        """The name that `zoo.create` knows."""
        return registry.name_of(type(self))

    @property
    def hyper_parameters(self):
        """The constructor's arguments, JSON-able: `create(method, **them)` makes a twin."""
        own = {name: getattr(self, name) for name in self._declared}
        data = {"image_shape": self.image_shape, "num_attributes": self.num_attributes}
        return data | own | {"dtype": self.dtype_policy.name}

    @property
    def player_variables(self):
        """{player: its trainable variables}."""
        return {
            player: [v for role in roles for v in self.networks[role].trainable_variables]
            for player, roles in self.players.items()
        }

    @property
    def state(self):
        """{path: variable}: all that a checkpoint holds, in an order fixed by the configuration."""
        rooms = {f"networks/{role}": network.variables for role, network in self.networks.items()}
        rooms["averages"] = self._averages
        rooms |= {f"optimizers/{player}": o.variables for player, o in self.optimizers.items()}
        found = {"step": self.step, "play_counter": self.play_counter}
        for room, variables in rooms.items():
            # Slots are named after Keras' own layer names, which count per process: their order
            # alone is stable.
            found |= {f"{room}/{i:03d}": v for i, v in enumerate(variables)}
        return found

    # --- Keras ------------------------------------------------------------------------------------

    def compile(
        self, optimizers=None, *, jit_compile="auto", run_eagerly=False, steps_per_execution=1
    ):
        """Prepares training.

        Args:
            optimizers: {player: keras optimizer} to replace the default Adams; players left out
                keep theirs.
            jit_compile: True, False, or "auto": XLA on accelerators only (on CPUs it slows
                convolutions down).
            run_eagerly: whether steps run without tracing, for debugging.
            steps_per_execution: batches a call of the traced step.
        """
        given = dict(optimizers or {})
        for player in given:
            if player not in self.players:
                raise unknown("optimizers", player, self.players)
        self.optimizers = {
            player: given.get(player) or self._adam(player) for player in self.players
        }
        for player, variables in self.player_variables.items():
            self.optimizers[player].build(variables)
        if jit_compile == "auto":
            jit_compile = bool(
                tf.config.list_physical_devices("GPU") or tf.config.list_physical_devices("TPU")
            )
        self._compile_arguments = {
            "jit_compile": jit_compile,
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
        }
        super().compile(optimizer=next(iter(self.optimizers.values())), **self._compile_arguments)
        self._trackers = {name: keras.metrics.Mean(name=name) for name in self.log_names}

    def _adam(self, player):
        own = getattr(self, f"{player}_learning_rate", None)
        rate = self.learning_rate if own is None else own
        return FusedAdam(rate, self.beta_1, self.beta_2, epsilon=1e-8, name=f"{player}_adam")

    def get_compile_config(self):
        if not self.compiled:
            return {}
        serialised = {k: keras.saving.serialize_keras_object(o) for k, o in self.optimizers.items()}
        return {"optimizers": serialised, **self._compile_arguments}

    def compile_from_config(self, config):
        config = dict(config)
        saved = config.pop("optimizers", {})
        self.compile(
            {k: keras.saving.deserialize_keras_object(o) for k, o in saved.items()}, **config
        )

    def get_config(self):
        given = {
            role: keras.saving.serialize_keras_object(network)
            for role, network in self._given.items()
        }
        return {**self.hyper_parameters, **given, "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        revived = {
            k: keras.saving.deserialize_keras_object(v, custom_objects)
            if isinstance(v, dict) and "class_name" in v
            else v
            for k, v in config.items()
        }
        return cls(**revived)

    @property
    def metrics(self):
        return list(getattr(self, "_trackers", {}).values())

    @property
    def log_names(self):
        """Keys of the logs that `train_step` returns."""
        norms = (f"{player}_gradient_norm" for player in self.players)
        return (*self._loss_names, *self.LOGS, *norms)

    @property
    def _loss_names(self):
        return tuple(f"{player}_loss" for player in self.players)

    def call(self, inputs, training=False):
        """x -> reconstruction; for models without inference z -> mean of p(x|z)."""
        if self.conditional:
            expected = "a verb that takes y, such as reconstruct, as this model is conditional"
            raise ValueError(refusal("call", expected, "model(x)"))
        if "reconstruct" in self.capabilities:
            rows = tf.zeros([tf.shape(inputs)[0]], tf.int64)
            return self.reconstruct_rows(inputs, rows)
        return self.likelihood(inputs).mean()

    def test_step(self, data):
        """The losses of one batch, in inference mode, without updates."""
        batch = self.as_batch(data)
        phase = _Phase(seeds.fold(self.seed, "test", self.step.value), training=False)
        with _entered(phase):
            losses = self.losses_of(*self.phase_inputs(batch))
            self._track({f"{player}_loss": loss for player, loss in losses.items()})
        return self._logs((*self._loss_names, *self.LOGS))

    def _symbolic_build(self, *args, **kwargs):
        """Nothing: the model is built, and under several workers this fails (keras issue 20585)."""

    _maybe_symbolic_build = _symbolic_build

    def make_train_function(self, force=False):
        """Keras' traced step, one for each stage, chosen before each call."""
        traced = {}
        if any(start % self.steps_per_execution for start in self.stage_starts):
            expected = f"a divisor of the steps {self.stage_starts} where stages begin"
            raise ValueError(refusal("steps_per_execution", expected, self.steps_per_execution))

        def train_function(iterator):
            self.stage = self.stage_at(int(tf.convert_to_tensor(self.step.value)))
            if self.stage not in traced:
                super(GenerativeModel, self).make_train_function(force=True)
                traced[self.stage], self.train_function = self.train_function, train_function
            return traced[self.stage](iterator)

        if not self.stage_starts or (self.train_function and not force):
            return super().make_train_function(force)
        self.train_function = train_function
        return train_function

    # --- the game ---------------------------------------------------------------------------------

    def as_batch(self, data):
        """The batch as a dict with float32 `x`; `fit` may be given an array, (x, y) or a dict."""
        if isinstance(data, (tuple, list)):
            data = dict(zip(("x", "y"), data))
        elif not isinstance(data, dict):
            data = {"x": data}
        images = ("x", "x_labelled")
        batch = {k: self._as_images(v) if k in images else v for k, v in data.items()}
        if self.conditional and "y" not in batch:
            expected = "batches with labels y, as this model is conditional"
            raise ValueError(refusal("data", expected, sorted(batch)))
        return batch

    def _as_images(self, x):
        if x.dtype == tf.uint8:
            x = tf.cast(x, tf.float32) / 255.0
        shape = tf.TensorShape(x.shape)[1:]
        one_map = len(self.image_shape) == 3 and self.image_shape[-1] == 1
        if one_map and shape.rank == 2:
            x, shape = x[..., None], shape + (1,)
        if not shape.is_compatible_with(self.image_shape):
            # A reshape would make rows of [B, 4] into twice as many of [2 B, 2].
            expected = f"[B, {', '.join(map(str, self.image_shape))}]"
            raise ValueError(refusal("x.shape", expected, tuple(x.shape)))
        return tf.cast(tf.ensure_shape(x, (None, *self.image_shape)), tf.float32)

    @property
    def label_width(self):
        """Width of `label_vector`, 0 for models that are not conditional."""
        return (self.num_classes or self.num_attributes) if self.conditional else 0

    def label_vector(self, y):
        """Labels as networks take them, float32 [B, label_width]: one-hot, or attributes."""
        if self.num_attributes is not None:
            return tf.cast(y, tf.float32)
        return tf.one_hot(y, self.num_classes)

    def labelled(self, batch):
        """(x, x_labelled, y_labelled) of a semi-supervised batch, or of one with all labels."""
        if "x_labelled" in batch:
            return batch["x"], batch["x_labelled"], batch["y_labelled"]
        if "y" not in batch:
            expected = "batches with labels: x_labelled and y_labelled, or y"
            raise ValueError(refusal("data", expected, sorted(batch)))
        return batch["x"], batch["x"], batch["y"]

    def play(self, phase, *arguments):
        """Runs one phase: losses on one tape, then one simultaneous update of each player.

        Args:
            phase: callable `(*arguments) -> {player: loss}`, a loss being [B] per example, averaged
                over the global batch, or a scalar per replica, averaged over replicas.
        """
        context = _Phase(seeds.fold(self.seed, "play", self.play_counter.value), training=True)
        with _entered(context), tf.GradientTape(persistent=True) as tape:
            losses = phase(*arguments)
            objectives = {id(loss): self._objective(loss) for loss in losses.values()}
        players, gradients = self.player_variables, {}
        # All gradients before any update: the players move at once. One backward pass a loss.
        for key, objective in objectives.items():
            sharing = [player for player, loss in losses.items() if id(loss) == key]
            found = tape.gradient(objective, [players[player] for player in sharing])
            gradients |= dict(zip(sharing, found))
        for player in losses:
            self._update(player, gradients[player], players[player])
        self._track({f"{player}_loss": loss for player, loss in losses.items()})
        self.play_counter.assign_add(1)

    def _objective(self, loss):
        """This replica's share of the global mean: gradients are summed over replicas."""
        replicas, _ = seeds.replica()
        if loss.shape.rank not in (0, 1):
            raise ValueError(refusal("loss.shape", "[B] or []", loss.shape))
        return tf.reduce_mean(loss) / replicas

    def _update(self, player, gradients, variables):
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
            own = getattr(self, f"{player}_learning_rate", None)
            rate = self.learning_rate if own is None else own
            optimizer.learning_rate = rate * self._decay()
        optimizer.apply(list(gradients), list(variables))

    def _decay(self):
        """Factor of the learning rate at this step, from 1 down to 0.01."""
        done = tf.cast(self.step.value - self.decay_from, tf.float32) / max(self.decay_steps, 1)
        done = tf.clip_by_value(done, 0.0, 1.0)
        return 1.0 - 0.99 * done if self.lr_schedule == "linear" else 0.01**done

    def draw(self, distribution, place, batch_of=None):
        """A reparameterised sample: noise of (seed, place, play counter, global row).

        Args:
            distribution: a TFP distribution, such as q(z|x).
            place: name of this draw, unique in its phase.
            batch_of: a tensor whose first axis gives B, for distributions without a batch, such as
                p(z).
        """
        batch_size = None if batch_of is None else tf.shape(batch_of)[0]
        return distributions.draw(distribution, self._place(place), batch_size)

    def shared_noise(self, shape, place):
        """N(0, 1) of a shape, the same on all replicas: for moments that all must agree on."""
        return distributions.noise("normal", shape, self._place(place))

    def _place(self, place):
        phase = _PHASE.get()
        if phase is None:
            raise RuntimeError(
                "`draw` belongs to a phase: call it from a function given to `play`."
            )
        return seeds.fold(phase.seed, place)

    def apply(self, role, *inputs, **options):
        """float32 outputs of a role's network: its mode and its noise are the phase's."""
        return tf.cast(self._run(role, self.networks[role], inputs, options), tf.float32)

    def trace(self, role, *inputs):
        """As `apply`, of every row of the network, first to last; the last is the output."""
        rows = self._run(role, self.networks[role].trace, inputs)
        return [tf.cast(row, tf.float32) for row in rows]

    def _run(self, role, function, inputs, options=None):
        phase, options = _PHASE.get(), dict(options or {})
        training = phase is not None and phase.training
        if phase is not None and isinstance(self.networks[role], networks.SEEDED):
            call = phase.calls[role] = phase.calls.get(role, -1) + 1
            options["seed"] = seeds.fold(phase.seed, role, call)
        return function(*inputs, training=training, **options)

    @contextlib.contextmanager
    def frozen(self):
        """Inside of a phase: networks in inference mode, for those that no player moves now."""
        with _entered(dataclasses.replace(_PHASE.get(), training=False)):
            yield

    def log(self, **values):
        """Averages values ([B] or scalar) into the logs named in `LOGS`."""
        self._track(values)

    def _track(self, values):
        for name, value in values.items():
            self._trackers[name].update_state(tf.cast(value, tf.float32))

    def report(self):
        """Ends a training step: counts it, averages weights, returns the logs."""
        self.step.assign_add(1)
        if self._averages:
            # A smaller decay over the first steps: else short runs keep their first weights.
            t = tf.cast(self.step.value, tf.float32)
            decay = tf.minimum(self.ema_decay, (1.0 + t) / (10.0 + t))
            for average, variable in zip(self._averages, self._trained):
                average.assign(average * decay + variable * (1.0 - decay))
        return self._logs()

    def _logs(self, names=None):
        logs = {name: self._trackers[name].result() for name in names or self._trackers}
        if isinstance(tf.distribute.get_strategy(), tf.distribute.MultiWorkerMirroredStrategy):
            # Keras cannot reduce scalars over workers (keras issue 20585).
            logs = {name: tf.reshape(value, [1]) for name, value in logs.items()}
        return logs

    def export(self, export_dir, version=None):
        """Writes a versioned SavedModel, as `zoo.export` does, and returns its path."""
        from zoo import serving  # the room imports this module

        return serving.export(self, export_dir, version)

    @contextlib.contextmanager
    def inference(self):
        """Networks in inference mode, on the averaged weights when `ema_decay` is set."""
        token = _PHASE.set(None)
        try:
            if self._averages:
                mapping = [(v, average.value) for v, average in zip(self._trained, self._averages)]
                with keras.StatelessScope(state_mapping=mapping):
                    yield
            else:
                yield
        finally:
            _PHASE.reset(token)


@contextlib.contextmanager
def _entered(phase):
    token = _PHASE.set(phase)
    try:
        yield
    finally:
        _PHASE.reset(token)


def _num_attributes(value):
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(refusal("num_attributes", "an int >= 1 or None", value))
    if value < 1:
        raise ValueError(refusal("num_attributes", "an int >= 1 or None", value))
    return value


def _image_shape(shape):
    expected = "(H, W, C) or (D,), all >= 1"
    try:
        shape = tuple(int(axis) for axis in shape)
    except (TypeError, ValueError):
        raise TypeError(refusal("image_shape", expected, shape)) from None
    if len(shape) not in (1, 3) or min(shape) < 1:
        raise ValueError(refusal("image_shape", expected, shape))
    return shape
