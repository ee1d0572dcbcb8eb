"""Exports give the numbers, the requests and the refusals of the models they were made from."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow.core.framework import tensor_pb2

import zoo
from tests import helpers, small
from tests.serving.toys import MODELS, make
from zoo import distributions, seeds
from zoo.serving import warm_up
from zoo.serving.served import Sampled


def inputs(model, rows=5):
    random = np.random.default_rng(1)
    return {
        "x": random.uniform(size=(rows, *model.image_shape)).astype(np.float32),
        "z": random.normal(size=(rows, model.latent_dim)).astype(np.float32),
        "seed": seeds.row_seeds(rows, 7).numpy(),
    }


def close(a, b, model=None):
    # Sums in bfloat16 differ with the order of the kernels.
    tolerance = 1e-5 if model is None or "bfloat16" not in model.dtype_policy.name else 2e-2
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tolerance, atol=tolerance)


@pytest.fixture(scope="module", params=helpers.first_of([*MODELS], 4))
def pair(request, tmp_path_factory):
    """(Keras model, its export in Python)."""
    model = make(request.param)
    return model, zoo.load(zoo.export(model, tmp_path_factory.mktemp("exported") / request.param))


def test_verbs_are_those_of_the_model(pair):
    model, served = pair
    fed = inputs(model)
    assert served.capabilities == model.capabilities
    assert (served.image_shape, served.latent_dim) == (model.image_shape, model.latent_dim)
    assert (served.density, served.method) == (model.density, model.method)
    close(served.sample(5, seed=3), model.sample(5, seed=3), model)
    if "reconstruct" in model.capabilities:
        x_hat = model.reconstruct(fed["x"], seed=3)
        close(served.reconstruct(fed["x"], seed=3), x_hat, model)
    if "log_prob" in model.capabilities:
        expected = model.log_prob(fed["x"], seed=3)
        np.testing.assert_allclose(served.log_prob(fed["x"], seed=3), expected, rtol=1e-5)


def test_encode_rebuilds_the_posterior(pair):
    model, served = pair
    x = inputs(model)["x"]
    if "encode" not in model.capabilities:
        with helpers.refused(ValueError, match="cannot encode"):
            served.encode(x)
        return
    q, expected = served.encode(x), model.encode(x)
    assert q.batch_shape == [5] and q.event_shape == [model.latent_dim]
    if isinstance(expected, zoo.distributions.Implicit):
        z = q.sample(400, seed=(0, 1))
        close(z, q.sample(400, seed=(0, 1)))
        draws = expected.sample(400, seed=2)
        scale = np.std(draws, axis=0)
        # Means of 400 draws each: standard error of the difference is scale * sqrt(2 / 400).
        error = np.abs(np.mean(z, axis=0) - np.mean(draws, axis=0)) / scale
        assert error.max() < 6 * np.sqrt(2 / 400)
        with pytest.raises(NotImplementedError):
            q.log_prob(z)
    else:
        assert type(q) is type(expected)
        z = expected.mean()
        close(q.mean(), z, model)
        if not model.dtype_policy.name.endswith("bfloat16"):
            np.testing.assert_allclose(q.log_prob(z), expected.log_prob(z), rtol=1e-5)


def test_distributions_work_in_graphs_of_any_number_of_rows(pair):
    model, served = pair
    fed = inputs(model)
    verbs = {"decode": lambda z: served.decode(z).mean()}
    if "encode" in served.capabilities:
        implicit = isinstance(served.encode(fed["x"]), Sampled)
        verbs["encode"] = lambda x: (
            served.encode(x).sample(seed=(0, 1)) if implicit else served.encode(x).mean()
        )
    for verb, run in verbs.items():
        rows = fed["z" if verb == "decode" else "x"]
        unknown = tf.TensorSpec([None, *rows.shape[1:]], tf.float32)
        found = tf.function(run, input_signature=[unknown], autograph=False)(rows)
        close(found, run(rows), model)
        mapped = tf.data.Dataset.from_tensors(rows).map(run)
        close(next(iter(mapped)), run(rows), model)


def test_decode_rebuilds_the_likelihood(pair):
    model, served = pair
    z = inputs(model)["z"]
    p, expected = served.decode(z), model.decode(z)
    assert type(p) is type(expected) and p.event_shape == expected.event_shape
    close(p.mean(), expected.mean(), model)
    if model.density:
        x = expected.sample(seed=1)
        np.testing.assert_allclose(p.log_prob(x), expected.log_prob(x), rtol=1e-4)


def test_sample_does_not_depend_on_how_many(pair):
    model, served = pair
    close(served.sample(3, seed=9), served.sample(5, seed=9)[:3], model)
    close(served.sample(600, seed=9)[:5], served.sample(5, seed=9), model)  # in chunks


@pytest.mark.every
def test_log_prob_of_many_samples_is_the_importance_weighted_bound(tmp_path):
    model = make("normal_ema")
    served = zoo.load(zoo.export(model, tmp_path / "model"))
    x = inputs(model)["x"]
    draws = tf.reshape(seeds.row_seeds(3 * len(x), 4), [3, len(x)])
    weights = np.stack([model.log_prob_rows(tf.constant(x), rows) for rows in draws]).astype(
        np.float64
    )
    expected = np.log(np.mean(np.exp(weights), axis=0))
    np.testing.assert_allclose(served.log_prob(x, samples=3, seed=4), expected, rtol=1e-5)
    assert np.ptp(weights) > 0.1
    # Log weights of standard deviation 0.15: bounds of 50 draws are 0.15 sqrt(2 / 50) = 0.03 apart.
    bound = model.log_prob(x, samples=50, seed=1)
    np.testing.assert_allclose(served.log_prob(x, samples=50, seed=0), bound, atol=0.1)


def test_moving_averages_are_exported(tmp_path):
    model = make("no_encoder", ema_decay=0.9)
    averaged = np.asarray(model.sample(2, seed=0))
    for variable in model.decoder.variables:
        variable.assign(variable * 0.0 + 3.0) if variable.trainable else None
    served = zoo.load(zoo.export(model, tmp_path / "model"))
    close(served.sample(2, seed=0), averaged)


def test_cpp_loader_gives_the_same_numbers(pair, tmp_path):
    model, served = pair
    fed = inputs(model)
    rows, x, z = (tf.constant(fed[k]) for k in ("seed", "x", "z"))
    expected = {"sample/x": model.sample_rows(rows)}
    expected |= {f"decode/{k}": v for k, v in model.decode_rows(z, rows).items()}
    parameters = distributions.describe(model.decode(z))[1]
    expected |= {f"decode_parameters/{k}": v for k, v in parameters.items()}
    if "encode" in model.capabilities:
        expected |= {f"encode/{k}": v for k, v in model.encode_rows(x, rows).items()}
        expected["reconstruct/level_1"] = model.reconstruct_rows(x, rows)
        expected["redraw/level_1"] = model.redraw_rows(x, rows)
    if "log_prob" in model.capabilities:
        expected["log_prob/log_prob"] = model.log_prob_rows(x, rows)
    answer = helpers.cc_answers(served.path, fed, tmp_path)
    assert set(answer) == set(expected)
    for name, value in expected.items():
        close(answer[name], value, model)


class Labelled(small.Bound):
    """A conditional model: the label moves the code and the logits."""

    LABELS = ("num_classes", "num_attributes")
    DENSITY = None

    def posterior(self, x, y):
        shift = tf.cast(y, tf.float32)[:, None]
        return zoo.distributions.diagonal_normal(self.apply("encoder", x) + shift)

    def likelihood(self, z, y):
        shift = tf.reshape(tf.cast(y, tf.float32), [-1, 1, 1, 1])
        return zoo.distributions.bernoulli(self.apply("decoder", z) - shift)


def test_conditional_models_take_labels(tmp_path):
    model = Labelled(image_shape=(8, 8, 1), latent_dim=3, num_classes=4)
    served = zoo.load(zoo.export(model, tmp_path / "labelled"))
    fed, y = inputs(model), [0, 3, 1, 2, 2]
    assert served.manifest["signatures"]["sample"]["inputs"]["y"] == {
        "dtype": "int32",
        "shape": [None],
    }
    close(served.sample(5, y=y, seed=1), model.sample(5, y=y, seed=1))
    close(served.encode(fed["x"], y).mean(), model.encode(fed["x"], y).mean())
    close(served.decode(fed["z"], y).mean(), model.decode(fed["z"], y).mean())
    close(served.reconstruct(fed["x"], y, seed=1), model.reconstruct(fed["x"], y, seed=1))
    close(served.sample(2, y=3, seed=1), served.sample(2, y=[3, 3], seed=1))
    for wrong in (None, [0, 1], [0, 1, 2, 3, 4], [0.5] * 5, "one"):
        with pytest.raises((ValueError, TypeError), match="y") as expected:
            model.sample(5, y=wrong)
        with pytest.raises(type(expected.value)) as received:
            served.sample(5, y=wrong)
        assert str(received.value) == str(expected.value)


class Flow(small.Bound):
    """q(z|x) is no family that exports can rebuild: noise through a bijector."""

    def posterior(self, x):
        return tfp.bijectors.Scale(2.0)(super().posterior(x))


def test_a_posterior_outside_of_the_closed_list_is_known_by_samples(tmp_path):
    model = Flow(image_shape=(8, 8, 1), latent_dim=3)
    served = zoo.load(zoo.export(model, tmp_path / "flow"))
    fed = inputs(model)
    rows = tf.constant(fed["seed"])
    q = served.encode(fed["x"])
    assert isinstance(q, Sampled) and q.event_shape == [3]
    drawn = served._module.signatures["encode"](x=tf.constant(fed["x"]), seed=rows)["value"]
    expected = distributions.sample_rows(model.encode(fed["x"]), rows, "z")
    close(drawn, expected)
    close(served.inpaint(fed["x"], True, steps=2, seed=0), fed["x"])


def test_inpainting_is_drawn_again_at_each_step(pair):
    model, served = pair
    x, known = inputs(model)["x"], np.indices(model.image_shape)[0] == 0
    if "reconstruct" not in model.capabilities:
        with helpers.refused(ValueError, match="cannot reconstruct"):
            served.inpaint(x, known)
        return
    found = served.inpaint(x, known, steps=2, seed=4)
    rows = seeds.row_seeds(5, 4)
    once = tf.where(known, x, model.redraw_rows(tf.where(known, x, 0.5), rows))
    close(found, tf.where(known, x, model.redraw_rows(once, rows + 1)), model)
    assert np.abs(found - once).max() > 1e-3


def test_bad_input_is_refused_as_the_model_refuses_it(pair):
    model, served = pair
    fed = inputs(model)
    nan = np.full_like(fed["x"], np.nan)
    attempts = [
        lambda m: m.sample(0),
        lambda m: m.sample(2.5),
        lambda m: m.sample(2, y=[0, 1]),
        lambda m: m.sample(2, seed="one"),
        lambda m: m.decode(fed["z"][:, :1]),
        lambda m: m.decode(fed["z"] * np.nan),
        lambda m: m.encode(fed["x"][:, :1]),
        lambda m: m.encode(nan),
        lambda m: m.encode(fed["x"], level=2),
        lambda m: m.encode(fed["x"], part="w"),
        lambda m: m.reconstruct("x"),
        lambda m: m.reconstruct(fed["x"], y=[1]),
        lambda m: m.reconstruct(fed["x"] * 255 if len(model.image_shape) == 3 else nan),
        lambda m: m.log_prob(fed["x"], samples=0),
        lambda m: m.classify(fed["x"]),
    ]
    for attempt in attempts:
        with pytest.raises((ValueError, TypeError)) as expected:
            attempt(model)
        with pytest.raises(type(expected.value)) as received:
            attempt(served)
        assert str(received.value) == str(expected.value)
        assert "\n" not in str(received.value)


# --- warm-up requests -----------------------------------------------------------------------------


def test_warm_up_requests_answer(pair):
    model, served = pair
    records = tf.data.TFRecordDataset(str(served.path / warm_up.FILE_NAME))
    found = []
    for record in records.as_numpy_iterator():
        request = _fields(
            _fields(_fields(record)[6][0])[1][0]
        )  # PredictionLog, PredictLog, PredictRequest
        spec = _fields(request[1][0])
        signature = spec[3][0].decode()
        assert spec[1][0].decode() == served.path.parent.name
        fed = {}
        for entry in map(_fields, request[2]):
            tensor = tensor_pb2.TensorProto.FromString(entry[2][0])
            fed[entry[1][0].decode()] = tf.constant(tf.make_ndarray(tensor))
        found.append((signature, len(next(iter(fed.values())))))
        if found[-1][1] > 2:
            continue  # what differs is the number of rows alone
        outputs = served._module.signatures[signature](**fed)
        assert all(np.isfinite(value).all() for value in outputs.values())
    sizes = served.manifest["batch_sizes"]
    assert sizes == list(warm_up.BATCH_SIZES)
    assert sorted(found) == sorted((s, n) for s in served.manifest["signatures"] for n in sizes)
    # Zeros are one number, whatever the shape.
    assert (served.path / warm_up.FILE_NAME).stat().st_size < 250 * len(found)


def test_warm_up_requests_are_what_the_server_reads(pair):
    log = pytest.importorskip(
        "tensorflow_serving.apis.prediction_log_pb2", reason="extra `serving`"
    )
    _, served = pair
    records = tf.data.TFRecordDataset(str(served.path / warm_up.FILE_NAME)).as_numpy_iterator()
    for record in records:
        request = log.PredictionLog.FromString(record).predict_log.request
        assert request.model_spec.name == served.path.parent.name
        verb = request.model_spec.signature_name
        assert set(request.inputs) == set(served.manifest["signatures"][verb]["inputs"])


def _fields(message):
    """{field: [payloads]} of a message of length-delimited fields."""
    fields, place = {}, 0

    def varint():
        nonlocal place
        value = shift = 0
        while True:
            byte = message[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(message):
        number, wire_type = divmod(varint(), 8)
        assert wire_type == 2
        size = varint()
        fields.setdefault(number, []).append(message[place : place + size])
        place += size
    return fields
