"""Precision "auto": of the hardware, of what is recorded, in reproduced rows; no TensorFlow."""

import common
import experiment
import pytest
import reproduce
import train

from zoo import ledger, precision, training

NEW, OLD = "fpu avx512f avx512_bf16 amx_tile", "fpu avx avx2 fma"


def cpuinfo(folder, *cores, name="flags"):
    """A file as Linux writes it: one line of flags a core."""
    path = folder / "cpuinfo"
    path.write_text("".join(f"model name\t: bf16\n{name}\t\t: {core}\n\n" for core in cores))
    return path


@pytest.mark.parametrize(
    "cores, fast",
    [
        ([NEW, NEW], True),
        ([OLD], False),
        ([NEW, OLD], False),  # threads may run on either
        (["fpu amx_bf16"], True),
        (["fpu amx_int8 amx_tile avx512_bf16x"], False),  # words, not parts of words
        ([], False),
    ],
)
def test_a_processor_is_asked_for_its_instructions(tmp_path, cores, fast):
    assert precision.processor_has_bfloat16(cpuinfo(tmp_path, *cores)) is fast


def test_processors_of_other_kinds(tmp_path):
    assert precision.processor_has_bfloat16(cpuinfo(tmp_path, "fp asimd bf16", name="Features"))
    assert not precision.processor_has_bfloat16(tmp_path / "none")  # another system


@pytest.mark.parametrize(
    "accelerators, processor, fast",
    [([], True, True), ([], False, False), ([True, False], True, False), ([True], False, True)],
)
def test_accelerators_come_before_the_processor(monkeypatch, accelerators, processor, fast):
    monkeypatch.setattr(precision, "_accelerators", {"mixed_bfloat16": accelerators}.get)
    monkeypatch.setattr(precision, "processor_has_bfloat16", lambda: processor)
    assert precision.fast_bfloat16() is fast


@pytest.mark.parametrize(
    "accelerators, fast", [([], False), ([True], True), ([True, False], False)]
)
def test_float16_is_for_gpus(monkeypatch, accelerators, fast):
    monkeypatch.setattr(precision, "_accelerators", {"mixed_float16": accelerators}.get)
    line = precision.warning("mixed_float16")
    assert line is None if fast else "no GPU" in line and "\n" not in line


@pytest.fixture(params=[True, False], ids=["fast", "slow"])
def fast(request, monkeypatch):
    """Whether this machine is fast in bfloat16: of both kinds in turn."""
    monkeypatch.setattr(precision, "fast_bfloat16", lambda: request.param)
    return request.param


def test_auto_is_what_is_recorded_and_else_what_is_fast(fast):
    best = "mixed_bfloat16" if fast else "float32"
    assert precision.chosen("auto") == best
    assert precision.chosen("auto", "no precision") == best
    for name in ("float32", "mixed_bfloat16"):
        assert precision.chosen("auto", name) == name
        assert precision.chosen(name, "float32") == name  # who asks is obeyed, or refused later


def test_only_what_is_slow_warns(fast):
    assert precision.warning("float32") is None
    line = precision.warning("mixed_bfloat16")
    assert line is None if fast else "\n" not in line and "--precision=auto" in line


def trained(monkeypatch, run_dir, *flags):
    """The dtype of the model that tools/train.py would make."""

    def create(method, **arguments):
        raise SystemExit(f"dtype {arguments['dtype']}")

    monkeypatch.setattr(train.registry, "create", create)
    line = ["train.py", "--method=tests.small:Bound", "--dataset=digits", f"--run_dir={run_dir}"]
    assert common.main(train.run, train.FLAGS, [*line, *flags]) == 1


def test_a_tool_trains_in_it_and_warns(fast, monkeypatch, tmp_path, capsys):
    trained(monkeypatch, tmp_path, "--precision=auto")
    best = "mixed_bfloat16" if fast else "float32"
    assert capsys.readouterr().err == f"train.py: error: dtype {best}\n"
    trained(monkeypatch, tmp_path, "--precision=mixed_bfloat16")
    *warnings, error = capsys.readouterr().err.splitlines()
    assert error == "train.py: error: dtype mixed_bfloat16"
    assert len(warnings) == (0 if fast else 1)


def test_a_run_continues_in_its_own(fast, monkeypatch, tmp_path, capsys):
    identity = {"method": "vae", "hyper_parameters": {}, "data": "digits", "precision": "float32"}
    ledger.write_json(tmp_path / "identity.json", identity)
    assert training.recorded_precision(tmp_path) is None  # nothing to continue yet
    (tmp_path / "checkpoints" / "step-00000001").mkdir(parents=True)
    assert training.recorded_precision(tmp_path) == "float32"
    trained(monkeypatch, tmp_path, "--precision=auto")
    assert capsys.readouterr().err == "train.py: error: dtype float32\n"


def test_rows_keep_theirs(fast, in_tmp_path):
    """A row's seeds all have the precision of the first, whatever machine adds to it."""
    (in_tmp_path / "digits.cfg").write_text("--method=vae\n--dataset=digits\n--precision=auto\n")
    line = ["reproduce.py", "--flagfile=digits.cfg"]
    config = experiment.read_config(common.parse(line, reproduce.FLAGS, ("draw",), expand=False))
    path = in_tmp_path / "results" / "vae-digits.json"
    of_row = lambda: reproduce.recorded_precision(path, config, seeds=2)
    assert of_row() is None
    for flags, found in (({"precision": "mixed_bfloat16"}, "mixed_bfloat16"), ({}, "float32")):
        config.run_dir(1).mkdir(parents=True, exist_ok=True)
        ledger.write_json(config.run_dir(1) / reproduce.STATE, {"flags": flags})
        assert of_row() == found
    config.flags.precision = precision.chosen("auto", of_row())
    assert config.compared["precision"] == "float32"
    seed = reproduce.Seed(config, 0, alone=True)
    assert "--precision=float32" in map(str, seed._train())
