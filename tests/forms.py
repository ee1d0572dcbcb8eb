"""Every door for data x every form of arrays: what is taken, and what is refused.

`python -m tests.forms` writes what it finds to docs/data_forms.md, which tests/test_forms.py keeps
true. A form that is taken must be read as the plain array that it stands for.
"""

import itertools
import pathlib
import tempfile

import keras
import numpy as np
import tensorflow as tf

import zoo
from tests.helpers import ROOT
from tests.small import Bound, D, make
from zoo.errors import refusal
from zoo.model.doors import in_one_line

PAGE = ROOT / "docs" / "data_forms.md"
N, K, A = 6, 3, 2
TAKEN, REFUSED, ABSENT = "taken", "refused", ""
_RANDOM = np.random.default_rng(0)
_BYTES = _RANDOM.integers(0, 256, (N, 4, 4, 1)).astype(np.uint8)
_BYTES[0, 0, :2, 0] = 0, 255
_GREY = _BYTES.astype(np.float32) / np.float32(255)
_MASK = _BYTES > 127
_POINTS = _RANDOM.integers(0, 200, (N, D)).astype(np.uint8)
_Y = np.arange(N) % K
_HUGE = np.array(-1e300)
_TRAITS = _RANDOM.random((N, A), np.float32)

# {form: (array, the plain array that it stands for, None where it is to be refused)}
IMAGES = {
    "float32 in [0, 1]": (_GREY, _GREY),
    "float64 in [0, 1]": (_GREY.astype(np.float64), _GREY),
    "uint8": (_BYTES, _GREY),
    "uint8 [N, H, W]": (_BYTES[..., 0], _GREY),
    "float32 [N, H, W]": (_GREY[..., 0], _GREY),
    "bool": (_MASK, _MASK.astype(np.float32)),
    "nested lists": (_GREY.tolist(), _GREY),
    "tensor": (lambda: tf.constant(_BYTES), _GREY),
    "int64 in 0 .. 255": (_BYTES.astype(np.int64), None),
    "uint16 in 0 .. 65535": (_BYTES.astype(np.uint16) * 257, None),
    "float32 in 0 .. 255": (_GREY * 255, None),
    "float32 in [-1, 1]": (_GREY * 2 - 1, None),
    "NaN among them": (np.where(_GREY == 1, np.nan, _GREY), None),
    "infinity among them": (np.where(_GREY == 1, np.inf, _GREY), None),
    "[N, C, H, W]": (_GREY.transpose(0, 3, 1, 2), None),
    "another size": (_GREY[:, :3], None),
    "no rows": (_GREY[:0], None),
    "strings": (np.full(_GREY.shape, "a"), None),
}
VECTORS = {
    "float32": (_POINTS.astype(np.float32), _POINTS.astype(np.float32)),
    "float64": (_POINTS.astype(np.float64), _POINTS.astype(np.float32)),
    "uint8, not scaled": (_POINTS, _POINTS.astype(np.float32)),
    "int64": (_POINTS.astype(np.int64), _POINTS.astype(np.float32)),
    "bool": (_POINTS > 99, (_POINTS > 99).astype(np.float32)),
    "NaN among them": (np.where(_POINTS == _POINTS.max(), np.nan, _POINTS), None),
    "float64 beyond float32": (np.where(_POINTS == _POINTS.max(), 1e300, _POINTS), None),
    "another width": (_POINTS[:, :1], None),
    "[N]": (_POINTS[:, 0], None),
}
LABELS = {
    "int64 [N]": (_Y, _Y),
    "uint8 [N]": (_Y.astype(np.uint8), _Y),
    "int64 [N, 1]": (_Y[:, None], _Y),
    "a list": (_Y.tolist(), _Y),
    "float32": (_Y.astype(np.float32), None),
    "one-hot": (np.eye(K, dtype=np.int64)[_Y], None),
    "1 .. K": (_Y + 1, None),
    "-1 for unlabelled": (np.where(_Y == 0, -1, _Y), None),
    "of fewer rows": (_Y[:-1], None),
    "none": (None, None),
}
ATTRIBUTES = {
    "float32 [N, A]": (_TRAITS, _TRAITS),
    "bool [N, A]": (_TRAITS > 0.5, (_TRAITS > 0.5).astype(np.float32)),
    "int64 [N, A]": (_TRAITS.astype(np.int64), _TRAITS.astype(np.int64).astype(np.float32)),
    "NaN among them": (np.where(_TRAITS == _TRAITS.max(), np.nan, _TRAITS), None),
    "float64 beyond float32": (np.where(_TRAITS == _TRAITS.max(), _HUGE, _TRAITS), None),
    "another width": (_TRAITS[:, :1], None),
}


class Given(Bound):
    """A toy whose networks are given labels, one-hot, or attributes.

    Reference:
        A toy of the tests.
    """

    DENSITY = None
    LABELS = ("num_classes", "num_attributes")

    def make_networks(self):
        self.make("encoder", self.image_shape, (self.label_width,), outputs=(2 * self.latent_dim,))
        self.make("decoder", (self.latent_dim + self.label_width,), outputs=self.image_shape)

    def train_step(self, data):
        self.play(self.bound_given, *self.phase_inputs(self.as_batch(data)))
        return self.report()

    def bound_given(self, x, y):
        z = self.draw(self.posterior(x, y), "z")
        return {"model": -self.likelihood(z, y).log_prob(x)}

    def posterior(self, x, y):
        return zoo.distributions.diagonal_normal(self.apply("encoder", x, self.label_vector(y)))

    def likelihood(self, z, y):
        outputs = self.apply("decoder", tf.concat([z, self.label_vector(y)], axis=-1))
        return zoo.distributions.normal(zoo.distributions.to_data(outputs), 1.0)


class Doors:
    """A small model behind all of its doors; each gives what the same data always give.

    Args:
        model: compiled here, with steps of length 0, and not traced.
        folder: for its export and archives.
        x: data for the doors where labels are tried.
    """

    def __init__(self, model, folder, x=None):
        players = {player: keras.optimizers.SGD(0.0) for player in model.players}
        model.compile(players, run_eagerly=True)
        self.model, self.folder, self.x = model, pathlib.Path(folder), x
        self.begun = [(variable, variable.value.numpy()) for variable in model.variables]
        self.served = zoo.load(zoo.export(model, self.folder / "export"))

    def all(self):
        """{door: function of (x, y)}."""
        m, s = self.model, self.served
        doors = {
            "fit": lambda x, y: m.fit(x, y, batch_size=N, shuffle=False, verbose=0).history,
            "evaluate": lambda x, y: m.evaluate(x, y, verbose=0, return_dict=True),
            "train_on_batch": lambda x, y: m.train_on_batch(x, y, return_dict=True),
            "validation_data": self._validation,
            "stream": self._stream,
        }
        if not m.conditional:
            doors |= {
                "predict": lambda x, y: m.predict(x, verbose=0),
                "model(x)": lambda x, y: m(x),
            }
        return doors | {"npz": self._npz, "verbs": self._verbs(m), "zoo.load": self._verbs(s)}

    def outcome(self, door, given, plain):
        """`TAKEN` or `REFUSED`; an error where something else happens."""
        given = given() if callable(given) else given
        x, y = (given, None) if self.x is None else (self.x, given)
        function = self.all()[door]
        try:
            found = self._fresh(function, x, y)
        except (ValueError, TypeError) as error:
            assert str(error).startswith("Invalid `") and "\n" not in str(error), error
            assert plain is None, error
            return REFUSED
        assert plain is not None, f"{door} takes it"
        expected = self._fresh(function, *((plain, None) if self.x is None else (self.x, plain)))
        tf.nest.map_structure(lambda a, b: np.testing.assert_allclose(a, b, 1e-5), found, expected)
        return TAKEN

    def _fresh(self, function, x, y):
        for variable, value in self.begun:  # counters of the noise and moving averages too
            variable.assign(value)
        self.model.reset_metrics()
        return function(x, y)

    def _validation(self, x, y):
        one = np.zeros_like(_GREY) if len(self.model.image_shape) == 3 else np.zeros([N, D])
        kind = np.zeros(N, int) if self.model.num_classes else np.zeros([N, A])
        y_one = kind if self.model.conditional else None
        options = {"batch_size": N, "verbose": 0}
        found = self.model.fit(one, y_one, validation_data=(x, y), **options).history
        return {name: value for name, value in found.items() if name.startswith("val_")}

    def _stream(self, x, y):
        """As `fit` reads a stream: in a graph."""
        data = {"x": tf.constant(x)} | ({} if y is None else {"y": tf.constant(y)})
        if len({len(value) for value in data.values()}) > 1 or not len(data["x"]):
            raise ValueError("Invalid `x`: tf.data refuses it")
        with in_one_line():
            return next(iter(tf.data.Dataset.from_tensors(data).map(self.model.as_batch)))

    def _verbs(self, model):
        """All that read x, of a model or an export: they take the same, or refuse the same."""
        verbs = {
            "reconstruct": lambda x, y: model.reconstruct(x, y, seed=0),
            "encode": lambda x, y: model.encode(x, y=y).mean(),
            "log_prob": lambda x, y: model.log_prob(x, y=y, seed=0),
        }

        def each(x, y):
            found, errors = {}, {}
            for name in sorted(verbs.keys() & model.capabilities):
                try:
                    found[name] = verbs[name](x, y)
                except (ValueError, TypeError) as error:
                    errors[name] = error
            assert not found or not errors, errors
            for error in errors.values():
                raise error
            return found

        return each

    def _npz(self, x, y):
        """As the tools read an archive, to make a model for it or to be refused for this one."""
        path, given = self.folder / "data.npz", {} if y is None else {"y": y}
        np.savez(path, x=x, **given)
        data = zoo.data.load(f"npz:{path}")
        for name in ("image_shape", "num_classes", "num_attributes"):
            own, found = getattr(self.model, name), getattr(data, name)
            if own is not None and found != own:  # data of another model
                raise ValueError(refusal(name, own, found))
        return data.arrays("train")


def behind(folder):
    """{title: (Doors, {form: arrays})} of all doors and forms."""
    folder = pathlib.Path(folder)
    images = zoo.create("tests.small:Bound", image_shape=(4, 4, 1), latent_dim=2)
    given = {"image_shape": (D,), "latent_dim": 2}
    points = _POINTS.astype(np.float32)
    return {
        "Images [N, H, W, 1]": (Doors(images, folder / "images"), IMAGES),
        "Vectors [N, D]": (Doors(make(Bound), folder / "vectors"), VECTORS),
        "Labels": (
            Doors(Given(num_classes=K, **given), folder / "labels", points),
            LABELS,
        ),
        "Attributes": (
            Doors(Given(num_attributes=A, **given), folder / "attributes", points),
            ATTRIBUTES,
        ),
    }


def tables(folder, chosen=lambda number: True):
    """{title: {form: {door: outcome}}}, of those cells alone whose number is chosen."""
    numbers = itertools.count()
    return {
        title: {
            form: {
                door: doors.outcome(door, *arrays) for door in doors.all() if chosen(next(numbers))
            }
            for form, arrays in forms.items()
        }
        for title, (doors, forms) in behind(folder).items()
    }


def read(text):
    """The same of a page's text."""
    found, title, doors = {}, None, []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("## "):
            title, doors = line[3:], []
            found[title] = {}
        elif line.startswith("| form"):
            doors = cells[1:]
        elif line.startswith("| ") and doors:
            found[title][cells[0]] = dict(zip(doors, cells[1:], strict=True))
    return found


def page(found):
    """The text of docs/data_forms.md."""
    lines = [
        "# Forms of data",
        "",
        "Written by `python -m tests.forms`, which tries every door for data with every form of",
        "arrays, and kept true by the tests. What is taken is read alike by all doors; what is",
        "refused is refused in one line, before any work. A stream is a `tf.data.Dataset`, a",
        "generator or a `PyDataset`; TensorFlow Datasets' `image` and `label` are x and y.",
        "*verbs* are `encode`, `reconstruct` and `log_prob`, which take and refuse the same, and",
        "*zoo.load* those of an export; *npz* is an archive as `zoo.data.load` and tools read it.",
        "`sample_weight` and `class_weight` are refused by all: losses weigh all rows alike.",
        "Images in a `folder:` are uint8. uint8 always means value / 255 in images: save masks of",
        "0 and 1 as bool.",
    ]
    for title, rows in found.items():
        doors = list(next(iter(rows.values())))
        lines += ["", f"## {title}", "", f"| form | {' | '.join(doors)} |"]
        lines.append("|---" * (len(doors) + 1) + "|")
        lines += [f"| {form} | {' | '.join(out.values())} |" for form, out in rows.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        PAGE.write_text(page(tables(scratch)))
