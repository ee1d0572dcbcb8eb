"""An export in Python: the verbs of a model without its method's code."""

import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy.typing as npt
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow_probability import distributions as tfd

from zoo import checks, seeds, tensors
from zoo.distributions import rebuild
from zoo.errors import refusal
from zoo.serving import manifest
from zoo.serving.directory import versions
from zoo.serving.loading import load_module
from zoo.serving.signatures import AUTOREGRESSIVE, IMPLICIT, encoding
from zoo.verbs import FACTS, Verbs, in_chunks


class Served(Verbs):
    """An exported model. Verbs, arguments and messages are those of `GenerativeModel`.

    Attributes:
        path: pathlib.Path of the version directory.
        manifest: dict, all that the export says about itself.
        Others as `zoo.verbs.Verbs`.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = pathlib.Path(path)
        self.manifest = manifest.read(self.path)
        # Kept: a signature holds its variables weakly.
        self._module = load_module(self.path, self.manifest)
        for fact in FACTS:
            setattr(self, fact, self.manifest[fact])
        self.image_shape, self.parts = tuple(self.image_shape), tuple(self.parts)
        self.capabilities = frozenset(self.capabilities)

    def __repr__(self) -> str:
        verbs = ", ".join(sorted(self.capabilities))
        return f"<Served {self.method} {self.image_shape}: {verbs}; {str(self.path)!r}>"

    def features(self, x: npt.ArrayLike, y: npt.ArrayLike | None = None) -> NoReturn:
        """Refuses: the Keras model has them."""
        raise self._not_exported("features", "an export holds no hidden layers")

    def discriminator_features(self, x: npt.ArrayLike) -> NoReturn:
        """Refuses: the Keras model has them."""
        raise self._not_exported("discriminator_features", "an export holds no discriminator")

    def _not_exported(self, verb: str, why: str) -> ValueError:
        expected = f"the Keras model, which zoo.restore(run_dir) gives, as {why}"
        return ValueError(refusal(verb, expected, f"an export of {self.method}"))

    # --- the back end: signatures -----------------------------------------------------------------

    def sample_rows(self, seeds_: tf.Tensor, y: tf.Tensor | None = None) -> tf.Tensor:
        """The output of `sample`."""
        return self._run("sample", seed=seeds_, y=y)["x"]

    def posterior_of(
        self,
        x: tf.Tensor,
        y: tf.Tensor | None = None,
        level: int | None = 1,
        part: str = "z",
    ) -> tfd.Distribution:
        """q(z|x) as the manifest says, or known by samples."""
        if level is None:
            expected = f"an int in [1, {self.levels}]"
            hint = "The joint distribution is the Keras model's, which zoo.restore(run_dir) gives."
            raise ValueError(refusal("level", expected, level, hint))
        return self._distribution(encoding(level, part), "value", x=x, y=y)

    def reading_of(self, x: tf.Tensor, y: tf.Tensor | None = None) -> tfd.Distribution:
        """What `read` returns, as the manifest says, or known by samples."""
        return self._distribution("read", "value", x=x, y=y)

    def likelihood_of(self, z: tf.Tensor, y: tf.Tensor | None = None) -> tfd.Distribution:
        """p(x|z) as the manifest says, or known by samples."""
        return self._distribution("decode", "sample", z=z, y=y)

    def reconstruct_rows(
        self, x: tf.Tensor, seeds_: tf.Tensor, y: tf.Tensor | None = None, level: int = 1
    ) -> tf.Tensor:
        """A level's output of `reconstruct`."""
        return self._run("reconstruct", x=x, seed=seeds_, y=y)[f"level_{level}"]

    def redraw_rows(
        self, x: tf.Tensor, seeds_: tf.Tensor, y: tf.Tensor | None = None, level: int = 1
    ) -> tf.Tensor:
        """A level's output of `redraw`."""
        return self._run("redraw", x=x, seed=seeds_, y=y)[f"level_{level}"]

    def log_prob_rows(
        self, x: tf.Tensor, seeds_: tf.Tensor, y: tf.Tensor | None = None, samples: int = 1
    ) -> tf.Tensor:
        """log w = log p(x, z) - log q(z|x) of one draw z, the output of `log_prob`."""
        return self._run("log_prob", x=x, seed=seeds_, y=y)["log_prob"]

    @property
    def draws_a_call(self) -> int:
        """How many importance samples one call of `log_prob_rows` takes: 1, as its signature."""
        return 1

    def classify_rows(self, x: tf.Tensor) -> tf.Tensor:
        """The output of `classify`."""
        return self._run("classify", x=x)["logits"]

    def log_ratio_rows(self, x: tf.Tensor) -> tf.Tensor:
        """The output of `log_ratio`."""
        return self._run("log_ratio", x=x)["log_ratio"]

    def _run(self, signature: str, **inputs: tf.Tensor | None) -> dict[str, tf.Tensor]:
        """{output: tensor} of a signature; inputs that it does not have are left out."""
        fed = self.manifest["signatures"][signature]["inputs"]
        return self._module.signatures[signature](**{name: inputs[name] for name in fed})

    def _distribution(self, verb: str, output: str, **inputs: Any) -> tfd.Distribution:
        """The distribution of a verb, as the manifest says, or known by samples in `output`."""
        recipe = self.manifest["distributions"][verb]
        inputs = {name: value for name, value in inputs.items() if value is not None}
        rows = tensors.count(next(iter(inputs.values())))

        def call(signature: str, times: Any = 1, **more: tf.Tensor) -> dict[str, tf.Tensor]:
            """The outputs at the inputs, repeated, and at more of as many rows."""
            fed = {name: _tiled(value, times) for name, value in inputs.items()}
            fed |= more
            run = lambda *values: self._run(signature, **dict(zip(fed, values, strict=True)))
            return in_chunks(run, *fed.values())

        if recipe["family"] in (IMPLICIT, AUTOREGRESSIVE):

            def draw(row_seeds: tf.Tensor) -> tf.Tensor:
                return call(verb, tensors.count(row_seeds) // rows, seed=row_seeds)[output]

            def score(x: tf.Tensor) -> tf.Tensor:
                return call("decode_log_prob", tensors.count(x) // rows, x=x)["log_prob"]

            event_shape = self.manifest["signatures"][verb]["outputs"][output]["shape"][1:]
            if recipe["family"] == AUTOREGRESSIVE:
                return Scored(draw, rows, event_shape, score)
            return Sampled(draw, rows, event_shape)
        # The seeds have no effect on parameters, but a signature's inputs are all fed.
        found = call(recipe["signature"], seed=tf.zeros([rows], tf.int64))
        parameters = {name: found[key] for name, key in recipe["parameters"].items()}
        return rebuild(recipe["family"], parameters)


class Sampled(tfd.Distribution):
    """A distribution known by an export's samples: `mean` averages ten, `log_prob` raises.

    Args:
        draw: callable, int64 row seeds [n B] -> samples [n B, *event_shape] of the batch, n times.
        rows: B, an int or, in a graph that does not know it, a scalar tensor.
        event_shape: of one sample.
    """

    def __init__(
        self,
        draw: Callable[[tf.Tensor], tf.Tensor],
        rows: int | tf.Tensor,
        event_shape: Sequence[int],
        name: str = "Sampled",
    ) -> None:
        parameters = dict(locals())
        self._draw, self._rows, self._event = draw, rows, tuple(event_shape)
        super().__init__(
            dtype=tf.float32,
            reparameterization_type=tfd.NOT_REPARAMETERIZED,
            validate_args=False,
            allow_nan_stats=True,
            parameters=parameters,
            name=name,
        )

    def sample_rows(self, row_seeds: npt.ArrayLike) -> tf.Tensor:
        """Samples [B, *event_shape] whose row i depends on `row_seeds[i]`, int64 [B], alone."""
        return self._draw(tf.convert_to_tensor(row_seeds, tf.int64))

    def _batch_shape(self) -> tf.TensorShape:
        return tf.TensorShape([self._rows if isinstance(self._rows, int) else None])

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape(self._event)

    def _sample_n(self, n: int | tf.Tensor, seed: Any = None) -> tf.Tensor:
        row_seeds = seeds.row_seeds(int(n) * self._rows, tfp.random.sanitize_seed(seed))
        return tf.reshape(self._draw(row_seeds), [int(n), self._rows, *self._event])

    def _mean(self) -> tf.Tensor:
        return tf.reduce_mean(self.sample(10, seed=seeds.fold(0, "mean")), axis=0)


class Scored(Sampled):
    """An autoregressive distribution of an export: `log_prob` is exact, `mean` raises.

    Args:
        draw, rows, event_shape: see `Sampled`.
        score: callable, images [n B, *event_shape] of the batch, n times -> log p, [n B] nats.
    """

    def __init__(
        self,
        draw: Callable[[tf.Tensor], tf.Tensor],
        rows: int | tf.Tensor,
        event_shape: Sequence[int],
        score: Callable[[tf.Tensor], tf.Tensor],
        name: str = "Scored",
    ) -> None:
        self._score = score
        super().__init__(draw, rows, event_shape, name=name)

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        flat = tf.reshape(x, [-1, *self._event])
        return tf.reshape(self._score(flat), tf.shape(x)[: -len(self._event)])

    def _mean(self) -> NoReturn:
        raise NotImplementedError("An autoregressive distribution is known by samples, not means.")


def load(path: str | os.PathLike, version: int | None = None) -> Served:
    """Loads the export at a path, after checking its sums and its operations.

    `zoo.load` takes the names of pretrained models too.

    Args:
        path: of an export, or of one version of it.
        version: None takes the newest.

    Raises:
        FileNotFoundError: nothing there, or no export.
        ValueError: a damaged file, a link, or an operation that no export needs; an unknown
            version.
    """
    version = checks.whole(version, "version", optional=True)
    path = pathlib.Path(path)
    if not path.is_dir():
        expected = "the directory of an export, or of a version of it"
        raise FileNotFoundError(refusal("path", expected, str(path)))
    if (path / "saved_model.pb").exists() or (path / manifest.FILE_NAME).exists():
        if version is not None:
            raise ValueError(refusal("version", f"None, as {path} is one version", version))
        return Served(path)
    found = versions(path)
    if not found:
        expected = "a directory that holds versions, such as 1"
        raise FileNotFoundError(refusal("path", expected, str(path)))
    if version is not None and version not in found:
        raise ValueError(refusal("version", f"one of {sorted(found)} in {path}", version))
    return Served(found[max(found) if version is None else version])


def _tiled(rows: tf.Tensor, times: Any) -> tf.Tensor:
    """All rows, so many times one after another."""
    return tf.tile(rows, [times, *[1] * (len(rows.shape) - 1)])
