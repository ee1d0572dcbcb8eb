"""What is known of metrics without TensorFlow, and that it is what they are."""

import subprocess
import sys

from tests.helpers import ROOT, refused
from tests.metrics.toys import LABELLED, Linear
from zoo import metrics
from zoo.metrics import names


def test_what_is_read_is_what_the_metrics_say():
    described = names.described()
    assert list(described) == list(metrics.METRICS)
    for name, metric in metrics.METRICS.items():
        said = names.Description(metric.help, metric.better, metric.only_asked)
        assert described[name] == said, name


def test_a_setting_that_no_asked_metric_is_measured_by_is_refused():
    owners = {
        "iwae_samples": "nll",
        "svm_features": "svm_error",
        "svm_repeats": "svm_error_discriminator",
        "ais_chains": "ais",
        "ais_steps": "ais_gap",
        "inception_weights": "coverage",
    }
    assert set(owners) == set(names.SETTINGS)
    for setting, owner in owners.items():
        with refused(ValueError, match=f"`{setting}`"):
            names.check_settings(["modes_covered"], {setting: 3})
        for asked in (None, [owner], ["modes_covered", owner], ["unknown"]):
            names.check_settings(asked, {setting: 3})
    names.check_settings(["nll_level_2"], {"iwae_samples": 3, "limit": 5, "seed": 1})
    with refused(ValueError, match="`svm_repeats`"):
        metrics.evaluate(Linear(), LABELLED, metrics=["one_nn_accuracy"], svm_repeats=2)


def test_every_metric_is_explained_in_a_line():
    for name, found in names.described().items():
        assert 20 < len(found.help) < 90 and "\n" not in found.help, name
        assert found.better in ("higher", "lower", None), name
        assert found.help.count("  ") == 0 and not found.help.endswith("."), name


def test_which_way_is_better():
    assert names.better("nll") == "lower" and names.better("elbo") == "higher"
    assert names.better("reconstruction_mse_level_2") == "lower"
    assert names.better("active_units") is None and names.better("seconds") is None


def test_the_order_of_all():
    found = ["of_tomorrow", "nll", "label_agreement_level_2", "reconstruction_mse", "modes_covered"]
    assert sorted(found, key=names.position) == [
        "modes_covered", "reconstruction_mse", "label_agreement_level_2", "nll", "of_tomorrow",
    ]  # fmt: skip


def test_names_need_no_tensorflow():
    code = (
        "import sys; from zoo.metrics import names; assert 'nll' in names.described();"
        "assert not {'tensorflow', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_package_gives_its_rooms():
    import zoo

    assert zoo.metrics.svm.l2_svm_error and zoo.metrics.evaluate is metrics.evaluation.evaluate
