"""`saved_model_cli`, TensorFlow's own tool, shows and runs an export."""

import numpy as np
import pytest
from absl import flags
from absl.testing import flagsaver
from tensorflow.python.tools import saved_model_cli

import zoo
from tests import helpers, small


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    model = small.make(small.Bound)
    return zoo.load(zoo.export(model, tmp_path_factory.mktemp("exported") / "model"))


def call(command, served, **options):
    """`saved_model_cli COMMAND --dir=... --tag_set=serve --...` in this process."""
    flags.FLAGS.mark_as_parsed()
    with flagsaver.flagsaver(dir=str(served.path), tag_set="serve", **options):
        command()


def test_show(served, capsys):
    call(saved_model_cli.show, served)
    shown = capsys.readouterr().out
    for name in (*served.manifest["signatures"], "serving_default"):
        assert f'SignatureDef key: "{name}"' in shown
    call(saved_model_cli.show, served, signature_def="encode")
    shown = capsys.readouterr().out
    for name in ("x", "seed"):
        assert f"inputs['{name}'] tensor_info" in shown
    for name in ("loc", "scale"):
        assert f"outputs['{name}'] tensor_info" in shown
    assert shown.count("shape: (-1, 2)") == 3  # of x, loc and scale


def test_run(served, tmp_path, capsys):
    random = np.random.default_rng(0)
    x = random.standard_normal((3, 2)).astype(np.float32)
    np.savez(tmp_path / "in.npz", x=x, seed=np.arange(3))
    given = ";".join(f"{name}={tmp_path / 'in.npz'}[{name}]" for name in ("x", "seed"))
    call(saved_model_cli.run, served, signature_def="encode", inputs=given, outdir=str(tmp_path))
    q = served.encode(x)
    found = {name: np.load(tmp_path / f"{name}.npy") for name in ("loc", "scale")}
    helpers.assert_close(found, {"loc": q.mean(), "scale": q.stddev()})
    assert "Result for output key loc" in capsys.readouterr().out
