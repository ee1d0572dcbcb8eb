"""Forged exports are refused in one line, and write no file on the way.

Every forgery of the corpus (`tests/serving/forgeries`) is one export of a tiny model with a change
to its SavedModel, its directory, its manifest or its weights. Those in `programs.LIVE` are shown to
write a file, the canary, where nothing judges them.
"""

import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

import zoo
from tests import small
from tests.serving import forge
from tests.serving.forgeries import directories, manifests, objects, programs, sizes, weights
from zoo.serving import directory, graphs, loading, scan

GRAPH = programs.GRAPH | sizes.GRAPH | objects.GRAPH


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    model = small.make(small.InTurn)
    return zoo.export(model, tmp_path_factory.mktemp("exported") / "model")


@pytest.fixture
def export(exported, tmp_path):
    """A copy to forge."""
    copied = shutil.copytree(exported, tmp_path / "model" / "1")
    return forge.Export(copied, tmp_path / "canary")


def use(served):
    """Every verb of an export."""
    served.sample(3, seed=0)
    served.decode(np.zeros([3, 2], np.float32)).sample(seed=0)


def refused(export):
    """The error of loading a forgery, or of its verbs if it loads."""
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        use(zoo.load(export.path))
    message = str(error.value)
    assert not export.sang
    assert "\n" not in message and len(message) < 600
    assert message.startswith(("Refused export", "Damaged export", "Invalid export"))
    return message


@pytest.mark.parametrize("name", GRAPH)
def test_a_forged_program_is_refused(export, name):
    GRAPH[name](export)
    export.seal()
    refused(export)


@pytest.mark.parametrize("name", sizes.COMPUTED)
def test_the_work_of_loading_is_judged_before_it_is_done(export, name):
    sizes.GRAPH[name](export)
    export.seal()
    with pytest.raises(ValueError, match="much to compute from constants alone"):
        scan.scan(export.path)


@pytest.mark.parametrize("name", directories.FILES)
def test_a_forged_directory_is_refused(export, name):
    directories.FILES[name](export)
    refused(export)


@pytest.mark.parametrize("name", manifests.FACTS)
def test_a_forged_manifest_is_refused(export, name):
    manifests.FACTS[name](export)
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        use(zoo.load(export.path))
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(("Damaged export", "Invalid `format`"))


@pytest.mark.parametrize("name", weights.WEIGHTS)
def test_forged_weights_are_refused(export, name):
    weights.WEIGHTS[name](export)
    assert "TensorFlow cannot load it" in refused(export)


@pytest.mark.parametrize("name", programs.LIVE)
def test_a_forgery_works_where_nothing_judges_it(export, name):
    """Otherwise the corpus would show that forgeries are refused which do nothing."""
    GRAPH[name](export)
    export.seal()
    try:
        module = tf.saved_model.load(str(export.path))
        module.signatures["sample"](seed=tf.constant([0], tf.int64))
    except Exception:
        assert export.sang  # a forgery may destroy what it uses
    assert export.sang


def test_a_program_that_is_changed_while_it_is_loaded_is_not_loaded(export, monkeypatch):
    def judge(path):
        found = scan.scan(path)
        programs.called_by_the_loader(export)
        export.seal()
        return found

    monkeypatch.setattr(loading, "scan", judge)
    use(zoo.load(export.path))
    assert not export.sang


def test_what_tensorflow_is_given_holds_no_file_operation(export):
    program = scan.scan(export.path).meta_graphs[0]
    assert {node.op for _, node in graphs.nodes(program)} <= scan.ALLOWED
    assert {field.name for field, _ in program.ListFields()} == {
        "meta_info_def", "graph_def", "object_graph_def",
    }  # fmt: skip


def test_a_file_that_becomes_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="'pipe'.*regular files"):
        directory.opened(tmp_path, "pipe")
    (tmp_path / "large").write_bytes(b"12345")
    assert directory.content(tmp_path, "large", 5) == b"12345"
    with pytest.raises(ValueError, match="'large' is larger"):
        directory.content(tmp_path, "large", 4)
    with pytest.raises(ValueError, match="'absent' cannot be read"):
        directory.opened(tmp_path, "absent")


@pytest.mark.parametrize("name", ["names", *weights.IGNORED])
def test_what_tells_nothing_is_ignored(exported, export, name):
    """A fingerprint that is none, other names of functions, savers that nobody registered."""
    if name == "names":
        (export.path / "fingerprint.pb").write_bytes(b"\xff" * 40)
        export.meta_graph.meta_info_def.function_aliases["x"] = "y"
        export.seal()
    else:
        weights.IGNORED[name](export)
    served = zoo.load(export.path)
    use(served)
    np.testing.assert_array_equal(served.sample(3, seed=0), zoo.load(exported).sample(3, seed=0))
    assert not export.sang


def test_networks_may_hold_functions_and_gradients_of_their_own(tmp_path):
    halved = tf.custom_gradient(lambda x: (x, lambda g: g / 2))
    plain = tf.function(lambda x: 2.0 * x, jit_compile=False)

    class Own(small.InTurn):
        def likelihood(self, z):
            return super().likelihood(plain(halved(z)))

    model = small.make(Own)
    served = zoo.load(zoo.export(model, tmp_path / "own"))
    np.testing.assert_allclose(served.sample(3, seed=0), model.sample(3, seed=0), rtol=1e-5)
