"""The run loop: exact resume and cadence, and every way a run can stop."""

import contextlib
import io
import itertools
import json
import math
import os
import resource
import signal
import threading
import time
import types

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import zoo
import zoo.data
from tests import small
from zoo.training import checkpoints, listeners, loop, stops, writers


@pytest.fixture(scope="module")
def data():
    return zoo.data.load("gaussian_ring")


def a_model(**changes):
    options = {"decoder_output": "normal", "learning_rate": 1e-3, **changes}
    return small.Bound(image_shape=(2,), latent_dim=2, **options)


class At(keras.callbacks.Callback):
    """Calls `act(model)` after the first graph call that reaches `step`."""

    def __init__(self, step, act):
        super().__init__()
        self._at, self._act = step, act

    def on_train_batch_end(self, batch, logs=None):
        if self._at is not None and int(self.model.step.value) >= self._at:
            self._at = None
            self._act(self.model)


def run(data, run_dir, steps=30, model=None, **changes):
    model = model or a_model()
    settings = {"checkpoint_every": 10, "log_every": 5, "sample_every": 0, "progress": False}
    logs = loop.train(model, data, run_dir, steps=steps, batch_size=20, **settings | changes)
    return model, logs


def state(model):
    return {name: variable.value.numpy().tobytes() for name, variable in model.state.items()}


def best(run_dir):
    """{name of the best checkpoint: what it reached}."""
    found = (run_dir / "checkpoints").glob("best-*")
    return {p.name: json.loads((p / "manifest.json").read_text())["extra"] for p in found}


def lines(run_dir):
    return [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def unbroken(data, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("runs") / "unbroken"
    model, logs = run(data, run_dir, sample_every=15)
    return run_dir, model, logs


def test_a_run_leaves_logs_checkpoints_pictures_and_events(unbroken):
    run_dir, model, logs = unbroken
    records = lines(run_dir)
    assert [record["step"] for record in records] == [5, 10, 15, 20, 25, 30]
    assert set(records[-1]) == {"step", "seconds", "images_per_second", *model.log_names}
    assert all(math.isfinite(value) for record in records for value in record.values())
    assert records[-1]["model_loss"] == pytest.approx(logs["model_loss"], rel=1e-6)
    assert sorted(p.name for p in (run_dir / "checkpoints").iterdir()) == [
        f"step-{step:08d}" for step in (10, 20, 30)
    ]
    assert sorted(p.name for p in (run_dir / "samples").iterdir()) == [
        "panels-00000015.png",
        "panels-00000030.png",
    ]


def board(run_dir):
    """What TensorBoard knows of a run: {tag: steps}, of scalars and of pictures."""
    found = EventAccumulator(str(run_dir / "events"), {"scalars": 0, "images": 0}).Reload()
    tags = found.Tags()
    scalars = {tag: [e.step for e in found.Scalars(tag)] for tag in tags["scalars"]}
    return scalars, {tag: [e.step for e in found.Images(tag)] for tag in tags["images"]}


def test_events_are_what_tensorboard_reads(unbroken):
    run_dir, model, _ = unbroken
    scalars, images = board(run_dir)
    assert set(scalars) == {"images_per_second", *model.log_names}
    assert all(steps == [5, 10, 15, 20, 25, 30] for steps in scalars.values())
    assert images == {"panels": [15, 30]}
    values = EventAccumulator(str(run_dir / "events")).Reload().Scalars("model_loss")
    logged = [record["model_loss"] for record in lines(run_dir)]
    assert [event.value for event in values] == pytest.approx(logged, rel=1e-6)


@pytest.mark.parametrize("restored", [0, 10])
def test_a_continued_run_replaces_what_came_after_the_restored_step(
    tmp_path, monkeypatch, restored
):
    clock = itertools.count(1_700_000_000)  # TensorBoard reads files by the second in their names
    monkeypatch.setattr(time, "time", lambda: float(next(clock)))
    for start, end in ((0, 25), (restored, 30)):  # the first was killed past its checkpoint
        with writers.Events(tmp_path / "events", start) as events:
            for step in range(start + 5, end + 1, 5):
                events.on_log(step, {"loss": start + step / 100})
    found = EventAccumulator(str(tmp_path / "events")).Reload().Scalars("loss")
    assert [event.step for event in found] == [5, 10, 15, 20, 25, 30]
    again = [event.step for event in found if event.value > 1]
    assert again == ([15, 20, 25, 30] if restored else [])
    assert len(list((tmp_path / "events").iterdir())) == 2


def test_a_disk_too_full_for_a_picture_is_met_once(tmp_path, monkeypatch):
    heard = []  # exceptions that nobody caught in the writer's thread
    monkeypatch.setattr(threading, "excepthook", heard.append)
    (tmp_path / "a.png").write_bytes(bytes(100_000))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with (
            pytest.raises(stops.DiskFull, match="^No space: .*File too large"),
            writers.Events(tmp_path / "events", 0) as events,
        ):
            resource.setrlimit(resource.RLIMIT_FSIZE, (6000, hard))
            events.picture(5, "samples", tmp_path / "a.png")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert heard == [] and threading.excepthook == heard.append


def test_logs_are_means_over_their_interval(data, tmp_path, unbroken):
    run(data, tmp_path / "fine", log_every=1)
    fine = [record["model_loss"] for record in lines(tmp_path / "fine")]
    coarse = [record["model_loss"] for record in lines(unbroken[0])]
    assert len(fine) == 30
    np.testing.assert_allclose(np.reshape(fine, (6, 5)).mean(axis=1), coarse, rtol=1e-5)


def test_continued_with_another_cadence_ends_with_the_same_bits(data, tmp_path, unbroken):
    run(data, tmp_path, steps=12, checkpoint_every=0, log_every=7)
    model, _ = run(data, tmp_path, checkpoint_every=4, log_every=3, steps_per_execution=2)
    assert state(model) == state(unbroken[1])


def test_one_step_a_call_or_many_give_the_same_bits(data, tmp_path, unbroken):
    model, _ = run(data, tmp_path, steps_per_execution=1)
    assert state(model) == state(unbroken[1])


def test_restore_gives_the_model_of_a_run(unbroken):
    run_dir, model, _ = unbroken
    twin = zoo.restore(run_dir)
    assert twin.compiled and state(twin) == state(model)
    with pytest.raises(FileNotFoundError, match="best checkpoint"):
        zoo.restore(run_dir, which="best")
    with pytest.raises(ValueError, match="one of best, newest"):
        zoo.restore(run_dir, which="bets")


def test_the_package_names_functions_whatever_was_imported_before():
    assert callable(zoo.restore) and zoo.restore is zoo.training.restore
    assert zoo.training.train is loop.train


def test_nothing_to_do_at_the_end(data, unbroken, capsys):
    before = (unbroken[0] / "metrics.jsonl").read_bytes()
    assert run(data, unbroken[0], progress=True)[1] == {}
    assert "Already at step 30 of 30" in capsys.readouterr().out
    assert (unbroken[0] / "metrics.jsonl").read_bytes() == before


def test_sigterm_writes_a_checkpoint_and_no_line_is_twice(data, tmp_path, unbroken):
    terminate = At(13, lambda model: os.kill(os.getpid(), signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(stops.Terminated, match="SIGTERM") as error:
        run(data, tmp_path, callbacks=[terminate], steps_per_execution=1)
    assert error.value.exit_code == 143 and signal.getsignal(signal.SIGTERM) == before
    reached = checkpoints.read(checkpoints.newest(tmp_path / "checkpoints"))[0]["step"]
    assert 13 <= reached <= 14
    with open(tmp_path / "metrics.jsonl", "a") as file:  # as a run killed later leaves it
        file.write('{"step": 15, "seconds": 1.0}\n{"step": 20, "seco')
    model, _ = run(data, tmp_path)
    assert [record["step"] for record in lines(tmp_path)] == [5, 10, 15, 20, 25, 30]
    seconds = [record["seconds"] for record in lines(tmp_path)]
    assert seconds == sorted(seconds)
    assert state(model) == state(unbroken[1])


def test_a_loss_that_is_not_finite_stops_before_the_checkpoint(data, tmp_path):
    def spoil(model):
        variable = next(iter(model.player_variables.values()))[0]
        variable.assign(variable * np.nan)

    with pytest.raises(stops.Diverged, match=r"by step 1\d: .*model_loss is nan.*0010\.") as error:
        run(data, tmp_path, callbacks=[At(12, spoil)], steps_per_execution=1, log_every=20)
    assert error.value.exit_code == 1 and "\n" not in str(error.value)
    assert checkpoints.newest(tmp_path / "checkpoints").name == "step-00000010"


def test_a_full_disk_keeps_the_last_good_checkpoint(data, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    fill = At(11, lambda model: resource.setrlimit(resource.RLIMIT_FSIZE, (6000, hard)))
    try:
        with pytest.raises(stops.DiskFull, match="No space") as error:
            run(data, tmp_path, callbacks=[fill])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert error.value.exit_code == 1 and "\n" not in str(error.value)
    newest = checkpoints.newest(tmp_path / "checkpoints")
    assert checkpoints.read(newest)[0]["step"] == 10
    assert not list((tmp_path / "checkpoints").glob(".tmp*"))


def test_the_best_checkpoint_is_the_one_with_the_lowest_loss(data, tmp_path):
    run(data, tmp_path, best_metric="model_loss", log_every=10)
    records = {record["step"]: record["model_loss"] for record in lines(tmp_path)}
    (path,) = (tmp_path / "checkpoints").glob("best-*")
    manifest = checkpoints.read(path)[0]
    assert manifest["step"] == min(records, key=records.get)
    assert manifest["extra"]["model_loss"] == pytest.approx(min(records.values()), rel=1e-6)
    assert int(zoo.restore(tmp_path, which="best").step.value) == manifest["step"]


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"steps": -1}, "`steps`"),
        ({"log_every": 0}, "`log_every`"),
        ({"keep": 0}, "`keep`"),
        ({"seed": -1}, "`seed`"),
        ({"best_metric": "mode_loss"}, "Did you mean 'model_loss'"),
        ({"best_metric": "model_loss", "best_mode": "most"}, "`best_mode`"),
        ({"best_mode": "max"}, "`best_mode`: expected auto without a best_metric"),
        ({"best_metric": "val_model_gradient_norm"}, "`best_metric`"),
    ],
)
def test_bad_arguments_are_refused_before_the_directory_is_made(data, tmp_path, changes, words):
    with pytest.raises(ValueError, match=words) as error:
        run(data, tmp_path / "run", **changes)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


def test_a_validation_metric_is_chosen_on_rows_held_out_of_training(data, tmp_path):
    run(data, tmp_path, best_metric="val_model_loss", checkpoint_every=15)
    assert json.loads((tmp_path / "identity.json").read_text())["validation_held_out"] is True
    best, batches = zoo.restore(tmp_path, which="best"), data.batches("validation", 500)
    score = best.evaluate(batches, verbose=0, return_dict=True)["model_loss"]
    kept = checkpoints.read(checkpoints.newest(tmp_path / "checkpoints", "best"))[0]["extra"]
    assert score == pytest.approx(kept["val_model_loss"], rel=1e-5)
    assert len(lines(tmp_path)) == 6


@pytest.mark.every
def test_best_is_chosen_as_in_a_run_that_was_never_stopped(data, tmp_path, monkeypatch):
    """Scored between log lines, so that a resumed run must know how its interval began."""
    score, scored = listeners.Best.score, {}

    def watched(best, step, logs):
        scored.setdefault(step, logs["loss"])
        return score(best, step, logs)

    monkeypatch.setattr(listeners.Best, "score", watched)
    own = {"best_metric": "loss", "log_every": 20, "checkpoint_every": 6, "steps_per_execution": 1}
    run(data, tmp_path / "whole", **own)
    whole = dict(scored)
    scored.clear()
    for steps in (6, 9, 18, 30):  # 9: when a signal comes, heeded after the next call
        cut = [At(9, lambda m: os.kill(os.getpid(), signal.SIGTERM))] if steps == 9 else []
        with pytest.raises(stops.Terminated) if cut else contextlib.nullcontext():
            run(data, tmp_path / "cut", steps=18 if cut else steps, callbacks=cut, **own)
    assert list(whole) == [6, 12, 18, 24, 30]
    assert whole == scored


@pytest.mark.every
def test_killed_between_best_and_newest_a_run_scores_again(data, tmp_path, monkeypatch):
    own = {"best_metric": "loss", "checkpoint_every": 10}
    run(data, tmp_path / "whole", **own)
    saved = checkpoints.save

    def dying(model, directory, step, *arguments, prefix="step", **options):
        saved(model, directory, step, *arguments, prefix=prefix, **options)
        if (step, prefix) == (30, "best"):
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "save", dying)
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path / "cut", **own)
    monkeypatch.setattr(checkpoints, "save", saved)
    run(data, tmp_path / "cut", **own)
    assert best(tmp_path / "whole") == best(tmp_path / "cut")


class Stop(keras.callbacks.Callback):
    """Stops after the call that begins at step 12, as soon as it may."""

    def on_train_batch_begin(self, batch, logs=None):
        self.model.stop_training = int(self.model.step.value) >= 12


def test_a_callback_that_stops_a_run_loses_nothing(data, tmp_path):
    own = {"steps_per_execution": 1, "checkpoint_every": 100}
    run(data, tmp_path / "run", callbacks=[Stop()], **own)
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-00000013"]
    model, _ = run(data, tmp_path / "run", **own)
    assert state(model) == state(run(data, tmp_path / "whole", **own)[0])


def test_a_validation_metric_needs_a_validation_split():
    bare = types.SimpleNamespace(name="bare", splits=("train",))
    with pytest.raises(ValueError, match="bare has no validation split"):
        listeners.Best("val_model_loss", "auto", a_model(), bare)


def test_another_run_is_refused(data, unbroken):
    with pytest.raises(ValueError, match="learning_rate: 0.001 in the run, 0.002 now"):
        run(data, unbroken[0], model=a_model(learning_rate=0.002))


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_on_a_terminal_is_one_line():
    out = Terminal()
    bar = listeners.Progress(6000, out=out)
    bar.on_call(1, {"d_loss": 1.4}, 100.0)
    bar.on_call(1200, {"d_loss": 1.3123}, 12345.4)
    bar.on_log(1200, {})
    assert "\n" not in out.getvalue()
    last = out.getvalue().rpartition("\x1b[K")[2]
    assert last.startswith("step 1200/6000 [==>       ] d_loss 1.312 · 12,345 images/s · ETA ")
    bar.close()
    assert out.getvalue().endswith("\n")


def test_the_bar_elsewhere_is_a_line_a_log_interval():
    out = io.StringIO()
    bar = listeners.Progress(10, out=out)
    for step in range(1, 11):
        bar.on_call(step, {}, 1.0)
        if step % 5 == 0:
            bar.on_log(step, {})
    assert [line[:10] for line in out.getvalue().splitlines()] == ["step  5/10", "step 10/10"]


def test_a_last_stage_that_never_begins_is_told(data, tmp_path, capsys):
    model = zoo.create("gan_posthoc", image_shape=data.image_shape, pretrain_steps=2)
    model.compile()
    for steps, told in ((2, True), (3, False)):
        run(data, tmp_path, steps, model)
        warned = "before its last stage begins, at 2." in capsys.readouterr().err
        assert warned == told


def test_health_warns_once_an_episode(capsys):
    health = listeners.Health(listeners.Progress(10, out=io.StringIO()), patience=3)
    for step, accuracy in enumerate([1.0, 1.0, 0.9, 1.0, 1.0, 1.0, 1.0]):
        health.on_log(step, {"discriminator_accuracy_data": accuracy, "generator_loss": 2.0})
    warned = capsys.readouterr().err
    assert warned.count("\n") == 1 and "step 5" in warned
    for step in (7, 8):
        health.on_log(step, {"generator_loss": 1e4})
    warned = capsys.readouterr().err
    assert warned.count("\n") == 1 and "generator_loss explodes" in warned
