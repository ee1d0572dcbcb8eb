"""Draws, and seeds that continue: with stand-ins for tools/train.py and tools/evaluate.py."""

import json
import math
import signal
import subprocess
import sys
import time
import types

import common
import experiment
import pytest
import reproduce
from pages import sources

from zoo import ledger, registry

METHOD = "tests.small:Bound"
STAND_IN = """
import json, pathlib, sys, time
flags = dict(item.lstrip("-").split("=", 1) for item in sys.argv[1:])
run_dir = pathlib.Path(flags["run_dir"])
(run_dir / "checkpoints").mkdir(parents=True, exist_ok=True)
with open(run_dir.parent / "calls", "a") as calls:
    calls.write(f"{pathlib.Path(sys.argv[0]).stem} {run_dir.name[-1]}\\n")
"""
TRAIN = """
pause = run_dir.parent / "pause"
time.sleep(float(pause.read_text()) if pause.exists() else 0)
(run_dir / "given.json").write_text(json.dumps(flags))
failing = run_dir.parent / "fails"
sys.exit(1 if failing.exists() and flags["seed"] in failing.read_text() else 0)
"""
EVALUATE = """
seed = int(run_dir.name[-1])
measured = {"value": float(seed**2), "n": 10, "split": "test", "protocol": "none", "seed": 0}
(run_dir / "evaluation.json").write_text(json.dumps({"step": 3, "metrics": {"nll": measured}}))
"""


@pytest.fixture
def workplace(in_tmp_path, monkeypatch):
    """A folder with a config, and tools that only pretend."""
    tools = in_tmp_path / "tools"
    tools.mkdir()
    (tools / "train.py").write_text(STAND_IN + TRAIN)
    (tools / "evaluate.py").write_text(STAND_IN + EVALUATE)
    monkeypatch.setattr(reproduce, "_TOOLS", tools)
    monkeypatch.setattr(reproduce, "make_picture", lambda config, seed, path: False)
    (in_tmp_path / "configs" / "bound").mkdir(parents=True)
    (in_tmp_path / "runs").mkdir()
    write_config(in_tmp_path)
    return in_tmp_path


def write_config(folder, *more):
    lines = [f"--method={METHOD}", "--dataset=gaussian_grid", "--steps=3", *more]
    (folder / "configs" / "bound" / "gaussian_grid-a.cfg").write_text("\n".join(lines) + "\n")


def reproduced(*arguments):
    """The exit code of the tool."""
    line = ["reproduce.py", "--flagfile=configs/bound/gaussian_grid-a.cfg", *arguments]
    return common.main(reproduce.run, reproduce.FLAGS, line, repeated=("draw",), expand=False)


def entry(folder):
    return ledger.read(folder / "results" / "bound-gaussian_grid-a.json").as_json()


def calls(folder):
    return sorted((folder / "runs" / "calls").read_text().split("\n")[:-1])


def test_a_config_becomes_an_entry(workplace):
    assert reproduced("--seeds=3") == 0
    found = entry(workplace)
    assert found["seeds"] == [0, 1, 2]
    assert found["metrics"]["nll"]["values"] == [0.0, 1.0, 4.0]
    assert found["metrics"]["nll"]["mean"] == pytest.approx(5 / 3)
    assert found["metrics"]["nll"]["std"] == pytest.approx(math.sqrt((25 + 4 + 49) / 9 / 2))
    assert (found["method"], found["dataset"], found["variant"]) == (METHOD, "gaussian_grid", "a")
    assert found["flags"]["steps"] == 3 and found["flags"]["latent_dim"] == 64
    assert not {"seed", "run_dir", "data_dir", "threads"} & set(found["flags"])
    assert found["draws"] == [{}, {}, {}]
    assert len(found["commits"]) == 3 and found["commits"][0]
    assert found["versions"]["tensorflow"] and found["machine"]["cores"] >= 1
    assert found["command"] == (
        "python tools/reproduce.py --flagfile=configs/bound/gaussian_grid-a.cfg --seeds=3"
    )


def test_more_seeds_run_only_what_is_missing(workplace):
    assert reproduced("--seeds=2") == 0
    assert calls(workplace) == ["evaluate 0", "evaluate 1", "train 0", "train 1"]
    assert reproduced("--seeds=3") == 0
    assert calls(workplace) == [
        *(f"evaluate {k}" for k in range(3)),
        *(f"train {k}" for k in range(3)),
    ]
    assert entry(workplace)["seeds"] == [0, 1, 2]


def test_the_ledger_is_enough_where_the_runs_are_gone(workplace):
    assert reproduced("--seeds=2") == 0
    before = entry(workplace)
    for k in range(2):
        (workplace / "runs" / f"bound-gaussian_grid-a-seed{k}").rename(workplace / f"gone{k}")
    (workplace / "runs" / "calls").unlink()
    assert reproduced("--seeds=3") == 0
    assert calls(workplace) == ["evaluate 2", "train 2"]
    after = entry(workplace)
    assert after["metrics"]["nll"]["values"] == [0.0, 1.0, 4.0]
    assert after["seconds"][:2] == before["seconds"] and after["commits"][:2] == before["commits"]


def test_fewer_seeds_forget_none(workplace):
    assert reproduced("--seeds=3") == 0
    assert reproduced("--seeds=1") == 0
    assert entry(workplace)["seeds"] == [0, 1, 2]
    assert "--seeds=3" in entry(workplace)["command"]


def test_runs_are_measured_again_where_that_is_asked(workplace):
    assert reproduced("--seeds=3") == 0
    (workplace / "tools" / "evaluate.py").write_text(STAND_IN + EVALUATE.replace("seed**2", "7"))
    before = calls(workplace)
    assert reproduced("--seeds=2") == 0
    assert calls(workplace) == before and entry(workplace)["metrics"]["nll"]["values"] == [0, 1, 4]
    assert reproduced("--seeds=2", "--again") == 0
    assert calls(workplace) == sorted([*before, "evaluate 0", "evaluate 1"])  # nothing is trained
    assert entry(workplace)["metrics"]["nll"]["values"] == [7, 7, 4]


def test_an_entry_stands_until_all_of_its_seeds_are_measured_again(workplace, capsys):
    assert reproduced("--seeds=2") == 0
    before = entry(workplace)
    other = EVALUATE.replace('"none"', '"another"')
    (workplace / "tools" / "evaluate.py").write_text(STAND_IN + other + "sys.exit(seed)\n")
    assert reproduced("--seeds=2", "--again", "--jobs=1") == 1  # seed 1 fails
    assert "seeds that failed: 1" in capsys.readouterr().err
    assert entry(workplace) == before


def test_a_seed_that_was_cut_continues_with_its_commit_and_seconds(workplace):
    (workplace / "runs" / "fails").write_text("1")
    assert reproduced("--seeds=2") == 1
    assert entry(workplace)["seeds"] == [0]
    state_file = workplace / "runs" / "bound-gaussian_grid-a-seed1" / "reproduce.json"
    state = json.loads(state_file.read_text())
    state_file.write_text(json.dumps({**state, "commit": "abc1234", "seconds": 1000.0}))
    (workplace / "runs" / "fails").unlink()
    assert reproduced("--seeds=2") == 0
    found = entry(workplace)
    assert found["commits"][1] == "abc1234"
    assert found["measured_at"] == [found["commits"][0]] * 2
    assert 1000.0 < entry(workplace)["seconds"][1] < 1060.0


def test_a_failed_seed_does_not_stop_the_others(workplace, capsys):
    (workplace / "runs" / "fails").write_text("1")
    assert reproduced("--seeds=3", "--jobs=1") == 1
    assert entry(workplace)["seeds"] == [0, 2]
    assert "seeds that failed: 1 (exit 1)" in capsys.readouterr().err


def test_results_of_another_config_are_not_mixed(workplace, capsys):
    assert reproduced("--seeds=1") == 0
    write_config(workplace, "--latent_dim=2")
    assert reproduced("--seeds=2") == 2
    line = capsys.readouterr().err
    assert "latent_dim: 64 -> 2" in line and line.count("\n") == 1
    assert entry(workplace)["seeds"] == [0]


def test_runs_of_another_config_are_not_mixed(workplace, capsys):
    assert reproduced("--seeds=1") == 0
    (workplace / "results" / "bound-gaussian_grid-a.json").unlink()
    write_config(workplace, "--latent_dim=2")
    assert reproduced("--seeds=1") == 2
    assert "latent_dim: 64 -> 2" in capsys.readouterr().err


def test_a_foreign_run_directory_is_not_taken_over(workplace, capsys):
    run_dir = workplace / "runs" / "bound-gaussian_grid-a-seed0"
    run_dir.mkdir()
    (run_dir / "identity.json").write_text("{}")
    assert reproduced("--seeds=1") == 2
    assert "reproduce.json" in capsys.readouterr().err


def test_a_longer_config_continues_its_runs(workplace):
    assert reproduced("--seeds=1") == 0
    (workplace / "results" / "bound-gaussian_grid-a.json").unlink()
    write_config(workplace, "--steps=5")
    assert reproduced("--seeds=1") == 0
    assert calls(workplace) == 2 * ["evaluate 0"] + 2 * ["train 0"]
    assert entry(workplace)["flags"]["steps"] == 5


def test_drawn_values_reach_the_run_and_the_ledger(workplace):
    assert (
        reproduced(
            "--seeds=2",
            "--draw=learning_rate:log:1e-3:10",
            "--draw=decoder_output:choice:bernoulli,normal",
        )
        == 0
    )
    draws = entry(workplace)["draws"]
    assert draws[0] != draws[1]
    for k, draw in enumerate(draws):
        run_dir = workplace / "runs" / f"bound-gaussian_grid-a-seed{k}"
        given = json.loads((run_dir / "given.json").read_text())
        assert (
            float(given["learning_rate"]) == draw["learning_rate"]
            and given["decoder_output"] == draw["decoder_output"]
        )
        assert given["seed"] == str(k)
    assert entry(workplace)["flags"]["draw"] == [
        "learning_rate:log:1e-3:10",
        "decoder_output:choice:bernoulli,normal",
    ]
    assert "--draw=learning_rate:log:1e-3:10" in entry(workplace)["command"]


def test_each_seed_has_other_labelled_examples(workplace):
    write_config(workplace, "--labels=50")
    assert reproduced("--seeds=2") == 0
    for k in range(2):
        run_dir = workplace / "runs" / f"bound-gaussian_grid-a-seed{k}"
        assert json.loads((run_dir / "given.json").read_text())["label_seed"] == str(k)
    assert entry(workplace)["draws"] == [{"label_seed": 0}, {"label_seed": 1}]
    assert "label_seed" not in entry(workplace)["flags"]
    assert reproduced("--seeds=2") == 0  # the same config


def test_a_label_seed_of_the_config_is_every_seeds(workplace, capsys):
    write_config(workplace, "--labels=50", "--label_seed=0")
    assert reproduced("--seeds=2") == 0
    run_dir = workplace / "runs" / "bound-gaussian_grid-a-seed1"
    assert "label_seed" not in json.loads((run_dir / "given.json").read_text())
    assert entry(workplace)["draws"] == [{}, {}] and entry(workplace)["flags"]["label_seed"] == 0
    write_config(workplace, "--labels=50")
    assert reproduced("--seeds=2") == 2  # is another config
    assert "label_seed: 0 -> absent" in capsys.readouterr().err


def test_configs_without_labels_are_as_they_were(workplace):
    assert reproduced("--seeds=1") == 0
    assert entry(workplace)["flags"]["label_seed"] == 0 and entry(workplace)["draws"] == [{}]


def test_draws_in_the_comments_of_a_config_are_used(workplace):
    write_config(
        workplace, "# Ranges: --draw=learning_rate:log:1e-3:10, --draw=beta_1:uniform:0:0.9."
    )
    assert reproduced("--seeds=1") == 0
    assert entry(workplace)["flags"]["draw"] == [
        "learning_rate:log:1e-3:10",
        "beta_1:uniform:0:0.9",
    ]
    assert set(entry(workplace)["draws"][0]) == {"learning_rate", "beta_1"}


def test_toys_run_two_at_a_time_on_one_thread_each(workplace, monkeypatch):
    monkeypatch.setattr(reproduce.os, "cpu_count", lambda: 8)
    assert reproduce.number_of_jobs("auto", toy=True) == 2
    assert reproduce.number_of_jobs("auto", toy=False) == 1
    assert reproduce.number_of_jobs("5", toy=False) == 5
    assert reproduced("--seeds=1") == 0
    run_dir = workplace / "runs" / "bound-gaussian_grid-a-seed0"
    assert json.loads((run_dir / "given.json").read_text())["threads"] == "1"


def test_measure_flags_reach_the_measurement_and_the_ledger(workplace):
    assert reproduced("--seeds=1", "--iwae_samples=7") == 0
    assert entry(workplace)["flags"]["iwae_samples"] == 7
    assert "--iwae_samples=7" in entry(workplace)["command"]


def test_the_papers_numbers_come_along(workplace, monkeypatch):
    monkeypatch.setattr(reproduce.common, "ROOT", workplace)
    figure = {"value": 3, "source": "table 1", "status": "recalled"}
    ledger.write_json(
        workplace / "configs" / "bound" / "paper.json", {"gaussian_grid-a": {"nll": figure}}
    )
    assert reproduced("--seeds=1") == 0
    assert entry(workplace)["paper"] == {"nll": figure}


def test_sigterm_ends_the_runs_too(workplace):
    (workplace / "runs" / "pause").write_text("60")
    code = (
        f"import sys, pathlib; sys.path.insert(0, {str(common.ROOT / 'tools')!r})\n"
        "import common, reproduce; reproduce._TOOLS = pathlib.Path('tools').resolve()\n"
        "line = ['reproduce.py', '--flagfile=configs/bound/gaussian_grid-a.cfg', '--seeds=1']\n"
        "sys.exit(common.main(reproduce.run, reproduce.FLAGS, line, ('draw',), False))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=workplace)
    deadline = time.monotonic() + 30
    while not (workplace / "runs" / "calls").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM
    state = json.loads((workplace / "runs/bound-gaussian_grid-a-seed0/reproduce.json").read_text())
    assert not state["trained"] and state["seconds"] > 0


def draw(text, method=METHOD):
    return experiment.Draw.parse(text, registry.hyper_parameters(method))


def test_a_log_draw_is_uniform_in_the_logarithm():
    drawn = draw("learning_rate:log:1e-5:1e-1")
    values = [drawn.of_seed(seed) for seed in range(2000)]
    assert all(1e-5 <= value <= 1e-1 for value in values)
    # The geometric middle is the median: 1000 +- 5 standard deviations of a coin, sqrt(2000) / 2.
    assert 888 < sum(value < 1e-3 for value in values) < 1112


def test_a_uniform_draw_is_uniform():
    values = [draw("beta_1:uniform:0.2:0.8").of_seed(seed) for seed in range(2000)]
    assert all(0.2 <= value <= 0.8 for value in values)
    assert 888 < sum(value < 0.5 for value in values) < 1112


def test_draws_of_whole_numbers_are_whole():
    values = [draw("latent_dim:uniform:2:5").of_seed(seed) for seed in range(2000)]
    assert set(values) == {2, 3, 4, 5}
    for value in (2, 3, 4, 5):  # 500 +- 5 standard deviations, sqrt(2000 1/4 3/4)
        assert 403 < values.count(value) < 597


def test_a_choice_takes_each():
    assert {draw("decoder_output:choice:bernoulli,normal").of_seed(k) for k in range(50)} == {
        "bernoulli",
        "normal",
    }
    assert {draw("ema_decay:choice:none,0.9").of_seed(k) for k in range(50)} == {None, 0.9}


def test_the_stream_is_the_stated_one():
    import random

    share = random.Random("beta_1:3").random()
    assert draw("beta_1:uniform:0.2:0.8").of_seed(3) == float(f"{0.2 + 0.6 * share:.6g}")


def test_each_name_and_seed_draws_apart():
    one, other = draw("beta_1:uniform:0.2:0.8"), draw("beta_2:uniform:0.2:0.8")
    assert len({one.of_seed(0), one.of_seed(1), other.of_seed(0), other.of_seed(1)}) == 4
    assert one.of_seed(0) == draw("beta_1:uniform:0.2:0.8").of_seed(0)


DRAW = """
import pathlib, sys
from PIL import Image
samples = pathlib.Path(sys.argv[1].partition("=")[2]) / "samples"
samples.mkdir()
for name, size in {sizes}.items():
    Image.new("RGB", size, "red").save(samples / f"{{name}}.png")
"""


def test_codes_that_are_read_are_moved_on_the_page():
    read, others = (sources.method(name).pictures for name in ("infogan", "vae"))
    assert read == (*others, "traversals")


@pytest.mark.parametrize(
    "sizes, expected",
    [
        ({"samples": (90, 30), "codes": (1200, 600), "traversals": (9, 9)}, (600, 30 + 8 + 300)),
        ({"levels": (40, 10), "classes": (50, 20), "samples": (30, 30)}, (50, 30 + 20 + 10 + 16)),
        ({"scatter": (1200, 1200)}, (1200, 1200)),
    ],
)
def test_the_picture_of_a_result_is_a_stack(sizes, expected, tmp_path, monkeypatch):
    from PIL import Image

    (tmp_path / "sample.py").write_text(DRAW.format(sizes=sizes))
    monkeypatch.setattr(reproduce, "_TOOLS", tmp_path)
    run_dir = tmp_path / "run"
    (run_dir / "checkpoints").mkdir(parents=True)
    flags = types.SimpleNamespace(method="vae")
    config = types.SimpleNamespace(run_dir=lambda seed: run_dir, data_dir=None, flags=flags)
    assert reproduce.make_picture(config, 0, tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").size == expected
