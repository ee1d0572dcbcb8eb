"""An export in Python: the verbs of a model without its method's code."""

import math
import pathlib

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from zoo import checks, seeds
from zoo.distributions import rebuild
from zoo.errors import refusal
from zoo.serving import manifest
from zoo.serving.export import AUTOREGRESSIVE, IMPLICIT, versions
from zoo.serving.scan import scan

tfd = tfp.distributions

_CHUNK = 512  # rows a call: bounds memory, whatever the batch


class Served:
    """An exported model. Verbs, arguments and messages are those of `GenerativeModel`.

    Attributes:
        method: name of the method that made it.
        path: pathlib.Path of the version directory.
        manifest: dict, all that the export says about itself.
        image_shape: (H, W, C) or (D,).
        latent_dim, num_classes, num_attributes, levels: ints or None.
        conditional: whether the verbs need `y`.
        capabilities: frozenset of verbs.
        density: "exact", "lower_bound" or None: what `log_prob` returns.
    """

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.manifest = manifest.read(self.path)
        scan(self.path)
        self.method = self.manifest["method"]
        self.image_shape = tuple(self.manifest["image_shape"])
        self.capabilities = frozenset(self.manifest["capabilities"])
        self.density, self.levels = self.manifest["density"], self.manifest["levels"]
        self.latent_dim, self.conditional = (
            self.manifest["latent_dim"],
            self.manifest["conditional"],
        )
        self.num_classes = self.manifest["num_classes"]
        self.num_attributes = self.manifest["num_attributes"]
        # Kept: a signature holds its variables weakly.
        self._module = tf.saved_model.load(str(self.path))
        absent = sorted(set(self.manifest["signatures"]) - set(self._module.signatures))
        if absent:
            raise ValueError(
                f"Damaged export {str(path)!r}: saved_model.pb has no signature {absent[0]!r}."
            )

    def __repr__(self):
        verbs = ", ".join(sorted(self.capabilities))
        return f"<Served {self.method} {self.image_shape}: {verbs}; {str(self.path)!r}>"

    def sample(self, n, y=None, seed=None):
        """n samples of p(x), [n, *image_shape]; a seed's rows are those of the Keras model."""
        self._must("sample")
        n = checks.count(n)
        rows = seeds.row_seeds(n, checks.seed(seed))
        return self._call("sample", seed=rows, y=self._labels(y, n))["x"]

    def encode(self, x, y=None, level=1, part="z"):
        """q(z|x), a TFP distribution with batch shape [B]."""
        self._must("encode")
        checks.level(level, 1, part)
        x = checks.images(x, self.image_shape)
        return self._distribution("encode", "value", x=x, y=self._labels(y, len(x)))

    def decode(self, z, y=None):
        """p(x|z), a TFP distribution over [B, *image_shape]."""
        self._must("decode")
        code_dim = self.manifest["signatures"]["decode"]["inputs"]["z"]["shape"][-1]
        z = checks.latents(z, code_dim)
        return self._distribution("decode", "sample", z=z, y=self._labels(y, len(z)))

    def reconstruct(self, x, y=None, level=1, seed=None):
        """The reconstruction of x from its code, [B, *image_shape]."""
        self._must("reconstruct")
        checks.level(level, self.levels)
        x = checks.images(x, self.image_shape)
        rows = seeds.row_seeds(len(x), checks.seed(seed))
        found = self._call("reconstruct", x=x, seed=rows, y=self._labels(y, len(x)))
        return found[f"level_{level}"]

    def log_prob(self, x, y=None, samples=1, seed=None):
        """log p(x), or the bound that `density` names, [B] nats.

        The signature gives log w = log p(x, z) - log q(z|x) of one draw; several are joined as
        log 1/k sum_k w_k (IWAE). With one sample, the same seed gives the Keras model's value.
        """
        self._must("log_prob")
        x, samples = checks.images(x, self.image_shape), checks.count(samples, "samples")
        y = self._labels(y, len(x))
        draws = tf.reshape(seeds.row_seeds(samples * len(x), checks.seed(seed)), [samples, len(x)])
        weights = [self._call("log_prob", x=x, seed=rows, y=y)["log_prob"] for rows in draws]
        return tf.reduce_logsumexp(tf.stack(weights), axis=0) - math.log(samples)

    def classify(self, x):
        """Logits of the classes, [B, num_classes]."""
        self._must("classify")
        return self._call("classify", x=checks.images(x, self.image_shape))["logits"]

    def _must(self, verb):
        checks.capability(verb, self.capabilities, self.method)

    def _labels(self, y, rows):
        return checks.labels(y, rows, self.num_classes, self.num_attributes, self.conditional)

    def _call(self, signature, **inputs):
        """{output: tensor} of a signature, in chunks; inputs that it does not have are left out."""
        fed = self.manifest["signatures"][signature]["inputs"]
        run, rows = self._module.signatures[signature], len(next(iter(inputs.values())))
        parts = [
            run(
                **{name: tf.convert_to_tensor(inputs[name][start : start + _CHUNK]) for name in fed}
            )
            for start in range(0, rows, _CHUNK)
        ]
        return {name: tf.concat([part[name] for part in parts], axis=0) for name in parts[0]}

    def _distribution(self, verb, output, **inputs):
        """The distribution of a verb, as the manifest says, or known by samples in `output`."""
        recipe = self.manifest["distributions"][verb]
        rows = len(next(iter(inputs.values())))
        if recipe["family"] in (IMPLICIT, AUTOREGRESSIVE):

            def tiled(times):
                return {k: np.concatenate([v] * times) for k, v in inputs.items() if v is not None}

            def draw(row_seeds):
                return self._call(verb, seed=row_seeds, **tiled(len(row_seeds) // rows))[output]

            def score(x):
                return self._call("decode_log_prob", x=x, **tiled(len(x) // rows))["log_prob"]

            event_shape = self.manifest["signatures"][verb]["outputs"][output]["shape"][1:]
            if recipe["family"] == AUTOREGRESSIVE:
                return Scored(draw, rows, event_shape, score)
            return Sampled(draw, rows, event_shape)
        # The seeds have no effect on parameters, but a signature's inputs are all fed.
        found = self._call(recipe["signature"], **inputs, seed=np.zeros(rows, np.int64))
        parameters = {name: found[key] for name, key in recipe["parameters"].items()}
        return rebuild(recipe["family"], parameters)


class Sampled(tfd.Distribution):
    """A distribution known by an export's samples: `mean` averages ten, `log_prob` raises.

    Args:
        draw: callable, int64 row seeds [n B] -> samples [n B, *event_shape] of the batch, n times.
        rows: B.
        event_shape: of one sample.
    """

    def __init__(self, draw, rows, event_shape, name="Sampled"):
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

    def _batch_shape(self):
        return tf.TensorShape([self._rows])

    def _event_shape(self):
        return tf.TensorShape(self._event)

    def _sample_n(self, n, seed=None):
        row_seeds = seeds.row_seeds(int(n) * self._rows, tfp.random.sanitize_seed(seed))
        return tf.reshape(self._draw(row_seeds), [int(n), self._rows, *self._event])

    def _mean(self):
        return tf.reduce_mean(self.sample(10, seed=seeds.fold(0, "mean")), axis=0)


class Scored(Sampled):
    """An autoregressive distribution of an export: `log_prob` is exact, `mean` raises.

    Args:
        draw, rows, event_shape: see `Sampled`.
        score: callable, images [n B, *event_shape] of the batch, n times -> log p, [n B] nats.
    """

    def __init__(self, draw, rows, event_shape, score, name="Scored"):
        self._score = score
        super().__init__(draw, rows, event_shape, name=name)

    def _log_prob(self, x):
        flat = tf.reshape(x, [-1, *self._event])
        return tf.reshape(self._score(flat), tf.shape(x)[: -len(self._event)])

    def _mean(self):
        raise NotImplementedError("An autoregressive distribution is known by samples, not means.")


def load(path):
    """Loads an export after checking its sums and its operations.

    Args:
        path: of the export, whose newest version is taken, or of one version.

    Returns:
        Served.

    Raises:
        FileNotFoundError: nothing there, or no export.
        ValueError: a damaged file, or an operation that no export needs (`zoo.serving.scan`).
    """
    path = pathlib.Path(path)
    if not path.is_dir():
        expected = "the directory of an export, or of a version of it"
        raise FileNotFoundError(refusal("path", expected, str(path)))
    if (path / "saved_model.pb").exists() or (path / manifest.FILE_NAME).exists():
        return Served(path)
    found = versions(path)
    if not found:
        expected = "a directory that holds versions, such as 1"
        raise FileNotFoundError(refusal("path", expected, str(path)))
    return Served(path / str(found[-1]))
