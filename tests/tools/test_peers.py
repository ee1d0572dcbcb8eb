"""The zoo beside its twins: who is refused, what is timed; with stand-ins for both sides."""

import json
import re
import subprocess
import sys
import time

import benchmark
import common
import pytest
from peers import busy, cases, duel, loop, zoo_side

from zoo.model import opposed

STAND_IN = """
import sys
sys.path.insert(0, {peers!r})
from peers import loop
losses = lambda: {losses!r}
step = lambda: sum(range(1000))
told = {{"parameters": {parameters!r}, "import_seconds": 1.5, "library": {library!r}}}
told["device"] = "a CPU"
counted = {{"operations": lambda: {{"step": 3000, "critic": None}}}}
counted["ceiling operations"] = lambda: {{"ceiling": 1000}}
parts = dict.fromkeys(["step", "critic", "ceiling"], step)
loop.serve(told, parts, {{"losses": losses, **counted}})
"""
CASE = "wgan_gp"
STATED = cases.CASES[CASE].parameters


@pytest.fixture
def sides(tmp_path, monkeypatch):
    """Makes the two sides: what they say of themselves may differ."""

    def make(**of_torch):
        players = []
        for side, library in (("zoo", "TensorFlow 2"), ("torch", "PyTorch 2")):
            told = {"losses": {"discriminator": 10.0, "generator": 0.0}, "parameters": STATED}
            told |= of_torch if side == "torch" else {}
            path = tmp_path / f"{side}.py"
            path.write_text(STAND_IN.format(peers=str(duel.HERE.parent), library=library, **told))
            players.append(duel.Player(side, sys.executable, path, counts=side == "zoo"))
        monkeypatch.setattr(duel, "ZOO", players[0])
        return lambda: duel.duel(CASE, players[1], 1, rounds=3, seconds=0.001)

    return make


def test_both_sides_are_timed_round_by_round(sides):
    found = sides()()
    assert list(found["parts"]) == ["step", "critic"]
    for times in found["parts"].values():
        assert {side: len(rounds) for side, rounds in times.items()} == {"zoo": 3, "torch": 3}
        assert all(t["seconds"] > 0 and t["core_seconds"] >= 0 for r in times.values() for t in r)
    assert all(found["peak_mb"][name] > 1 and found["first_step"][name] > 0 for name in times)


def test_a_share_of_the_ceiling_is_of_operations_a_second(sides):
    times = {"zoo": timings(0.2, 0.1), "torch": timings(0.3, 0.5)}
    counted = {"zoo": {"step": 300, "sample": None}}
    # 300 operations in the best 0.1 s, of 12,000 a second.
    assert duel.shares("step", times, counted, 12_000.0) == {"zoo": pytest.approx(0.25)}
    assert duel.shares("sample", times, counted, 12_000.0) == {}
    found = sides()()["share"]
    assert list(found["step"]) == ["zoo"] and found["step"]["zoo"] > 0 and found["critic"] == {}


def test_a_checkout_is_never_called_as_this_one(tmp_path):
    there = duel.checkout(str(tmp_path / "zoo"))
    assert there.name != duel.ZOO.name and there.more == (str(tmp_path / "zoo"),) and there.counts
    (tmp_path / "zoo" / "zoo").mkdir(parents=True)
    (tmp_path / "zoo" / "zoo" / "__init__.py").write_text("print(__file__)")
    (_, line), (tool, _) = there.starts.values()
    done = subprocess.run([sys.executable, "-c", line], stdout=subprocess.PIPE, text=True)
    assert done.stdout.strip() == str(tmp_path / "zoo" / "zoo" / "__init__.py")
    assert tool == tmp_path / "zoo" / "tools" / "train.py"


def test_losses_of_one_seed_are_compared_step_by_step(sides):
    steps = [{"loss": 30.0, "norm": 0.5}, {"loss": 2.0, "norm": 1.0}, {"loss": 9.0, "norm": 1.0}]
    others = [{"loss": 30.3, "norm": 0.6}, {"loss": 2.0, "norm": 1.25}, {"loss": 9.0, "more": 0.0}]
    # .3 apart of 30, .1 of .5 (what is below 1 is not magnified), then .25 of 1.
    assert duel.apart(steps, others) == pytest.approx((0.1, 0.1, 0.25))
    assert duel.apart(10 * steps, 10 * steps) == (0.0, 0.0, 0.0)
    assert duel.apart([], []) is None
    with pytest.raises(ValueError):
        duel.apart(steps, [])
    assert sides()()["apart"] is None


@pytest.mark.every
def test_the_logs_of_a_seed_tell_whether_a_player_moves_the_other_way(monkeypatch):
    """Its loss and its opponent's add up to the same number near D = 1/2."""
    before = zoo_side.same_seed("ali_digits", 3)
    losses = opposed.Opposition.losses
    turned = lambda self, d, g, *logits: losses(self, d, lambda *own: -g(*own), *logits)
    monkeypatch.setattr(opposed.Opposition, "losses", turned)
    *_, largest = duel.apart(before, zoo_side.same_seed("ali_digits", 3))
    assert largest > 1e-3


@pytest.mark.every
def test_two_runs_of_one_seed_have_the_same_losses():
    found = [zoo_side.same_seed("vae", 3) for _ in range(2)]
    assert found[0] == found[1] and len({step["loss"] for step in found[0]}) == 3


def test_twins_of_another_size_or_loss_are_refused(sides):
    with pytest.raises(SystemExit, match="torch trains {'discriminator': 3}, not"):
        sides(parameters={"discriminator": 3})()
    with pytest.raises(SystemExit, match="losses with all weights zero differ"):
        sides(losses={"discriminator": 10.01, "generator": 0.0})()


def test_a_side_that_dies_is_named(sides, tmp_path):
    started = sides()
    (tmp_path / "torch.py").write_text("import sys; sys.exit(3)")
    with pytest.raises(SystemExit, match=r"torch\.py of wgan_gp ended with 3"):
        started()


def test_a_side_that_dies_between_requests_is_named(sides, tmp_path):
    started = sides()
    path = tmp_path / "torch.py"
    dying = 'step = lambda: __import__("os").kill(__import__("os").getpid(), 9)'
    path.write_text(path.read_text().replace("step = lambda: sum(range(1000))", dying))
    with pytest.raises(SystemExit, match=r"torch\.py of wgan_gp ended with -9"):
        started()


def test_a_side_that_refuses_says_why(sides, tmp_path):
    started = sides()
    (tmp_path / "torch.py").write_text("import sys; print('no GPU', file=sys.stderr); sys.exit(2)")
    with pytest.raises(ValueError, match="^no GPU$"):
        started()


def test_what_was_measured_before_a_side_ended_is_shown(sides, monkeypatch, capsys):
    found = sides()()

    def duelled(name, *how, **more):
        if name == "ali":
            raise SystemExit("ali ended with 3")
        return found

    monkeypatch.setattr(duel, "duel", duelled)
    monkeypatch.setattr(duel, "has_torch", lambda python: True)
    line = ["benchmark.py", "--against=torch", "--duels=wgan_gp,ali"]
    assert common.main(benchmark.run, benchmark.FLAGS, line) == 1
    out, err = capsys.readouterr()
    assert "| wgan_gp" in out and "error: ali ended with 3" in err


def test_a_case_that_a_model_refuses_ends_the_benchmark_as_refused(capfd):
    line = ["--case=cgan:float32", "--rounds=1", "--seconds=.01"]
    flags = common.parse(["benchmark.py", *line], benchmark.FLAGS)
    with pytest.raises(SystemExit) as ended:
        benchmark._apart(flags, ("cgan", "float32"))
    assert ended.value.code == 2
    assert "`num_classes`: expected" in capfd.readouterr().err


def timings(*seconds):
    return [{"seconds": each, "core_seconds": 2.0 * each} for each in seconds]


def test_the_ratio_is_that_of_the_best_rounds():
    times = {"zoo": timings(0.2, 0.1, 0.4), "torch": timings(0.3, 0.5, 0.2)}
    found = duel.summary(times)
    assert (found["zoo"], found["torch"]) == (0.1, 0.2)
    # Of the rounds 1.5, 5 and 0.5.
    expected = {"ratio": 2.0, "low": 0.5, "high": 5.0, "median": 1.5}
    assert {key: found[key] for key in expected} == pytest.approx(expected)
    assert duel.summary(times, "core_seconds")["zoo"] == pytest.approx(0.2)


def test_the_table_has_a_line_a_part(sides):
    lines = duel.table([sides()()], {"import zoo": 0.04}, threads=1).splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line]
    assert [row[:2] for row in rows[2:]] == [[CASE, "step"], [CASE, "critic"]]
    assert len({len(row) for row in rows}) == 1
    assert rows[0][4:6] == ["torch", "torch / zoo"]
    assert "TensorFlow 2 against PyTorch 2" in lines[-1] and "`import zoo` 0.04 s" in lines[-1]


def test_calls_are_counted_and_timed():
    calls = []
    found = loop.timed(lambda: calls.append(sum(range(10**5))), 0.02)
    assert found["seconds"] * len(calls) == pytest.approx(0.02, abs=0.02)
    assert 0 < found["core_seconds"] <= 2.0 * found["seconds"]


def test_work_that_goes_on_after_a_call_is_waited_for():
    found = loop.timed(lambda: None, 0.0, settle=lambda: time.sleep(0.02))
    assert found["seconds"] >= 0.02


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--against="], "`against`: expected one name at least"),
        (["--methods="], "`methods`: expected one name at least"),
        (["--against=torch", "--network=auto"], "`network`: expected nothing with --against"),
        (["--against=there"], "`against`: expected torch, xla, or a folder that holds a checkout"),
        (["--case="], "`case`: expected one name at least"),
        (["--case=vae"], "`case`: expected METHOD:PRECISION, or METHOD:SIDE:BATCH:WIDTH"),
        (["--case=vae:float32", "--against=torch"], "`case`: expected nothing beside --against"),
        (["--growth", "--precisions=float32"], "`precisions`: expected nothing with --growth"),
        (["--growth", "--methods=vat"], "`methods`: expected methods whose network is a table"),
        (["--methods=real_nvp"], "`methods`: expected methods whose network is a table"),
        (["--sampling", "--methods=vae"], "`methods`: expected nothing with --sampling"),
        (["--images=1000", "--write"], "`write`: expected False with --images"),
        (["--against=torch", "--duels=vae", "--write"], "`write`: expected False with --duels"),
        (["--against=torch", "--same_steps=3"], "`same_steps`: expected 0 with --against=torch"),
        (["--growth", "--methods=vae", "--write"], "`write`: expected False with --methods"),
        (["--precisions=float32", "--write"], "`write`: expected False with --precisions"),
        (
            ["--against=.", "--peer_python=x"],
            "`peer_python`: expected nothing beside --against=torch",
        ),
        (["--against=.", "--write"], "`write`: expected False"),
        (["--growth", "--against=torch"], "`against`: expected nothing beside --growth"),
        (["--against=torch", "--images=1000"], "`images`: expected nothing with --against"),
        (["--duels=vae"], "`duels`: expected nothing without --against"),
        (["--methods=gen"], "`methods`: expected one of .*Did you mean 'gan'?"),
    ],
)
def test_flags_that_would_be_ignored_are_refused(flags, words, capsys):
    assert common.main(benchmark.run, benchmark.FLAGS, ["benchmark.py", *flags]) == 2
    assert re.search(words, capsys.readouterr().err)


def test_other_names_and_environments_are_refused(tmp_path, capsys):
    refused = lambda *flags: common.main(
        benchmark.run, benchmark.FLAGS, ["benchmark.py", "--against=torch", *flags]
    )
    assert refused("--precisions=bfloat16") == 2
    assert "Did you mean 'mixed_bfloat16'?" in capsys.readouterr().err
    assert refused("--duels=gen") == 2
    assert "Did you mean 'gan'?" in capsys.readouterr().err
    assert refused(f"--peer_python={tmp_path / 'python'}") == 2
    assert "make bench-peers" in capsys.readouterr().err


@pytest.mark.every
@pytest.mark.parametrize("case", cases.CASES)
def test_the_zoo_trains_as_many_numbers_as_stated(case):
    """PyTorch's twins are held to the same statement by the benchmark itself."""
    model = zoo_side.make(case)
    found = {p: sum(v.numpy().size for v in own) for p, own in model.player_variables.items()}
    assert found == cases.CASES[case].parameters
    assert json.dumps(zoo_side.losses_at_zero(model, zoo_side.data(case)))


def test_a_profile_names_arithmetic_and_the_rest():
    spent = {"_MklConv2D": 4.0, "Conv2DBackpropInput": 2.0, "_MklMatMul": 3.0, "Relu": 0.5}
    spent |= {"Split": 0.25, "Mul": 0.125, "ResourceApplyAdam": 1.0}
    assert busy.grouped(spent, singly=1) == [
        ("convolutions", 6.0),
        ("products", 3.0),
        ("Adam", 1.0),
        ("Relu", 0.5),
        ("others", 0.375),
    ]


@pytest.mark.parametrize(
    "flags, words",
    [
        ([], "`case`: expected one of ali, "),
        (["--case=gen"], "`case`: .*Did you mean 'gan'?"),
        (["--case=vae", "--part=critic"], "`part`: expected one of step"),
    ],
)
def test_a_profile_is_of_a_part_of_a_case(flags, words, capsys):
    assert common.main(busy.run, busy.FLAGS, ["busy.py", *flags]) == 2
    assert re.search(words, capsys.readouterr().err)


def test_a_table_is_written_between_its_marks_or_not_at_all(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(common, "ROOT", tmp_path)
    path = tmp_path / "BUILD.md"
    text = "a\n<!-- growth:begin -->\nold\n<!-- growth:end -->\nb\n"
    path.write_text(text)
    benchmark._write("new", "growth")
    assert path.read_text() == text.replace("old", "new")
    path.write_text(text.replace("<!-- growth:end -->", ""))
    line = ["benchmark.py", "--growth", "--write"]
    assert common.main(benchmark.run, benchmark.FLAGS, line) == 2
    assert "BUILD.md lacks" in capsys.readouterr().err
    assert path.read_text() == text.replace("<!-- growth:end -->", "")


@pytest.mark.every
def test_stacked_seeds_are_trained(capsys):
    assert (
        common.main(
            benchmark.run,
            benchmark.FLAGS,
            ["benchmark.py", "--stacked", "--rounds=1", "--seconds=.01"],
        )
        == 0
    )
    rows = [line.split("|")[1:5] for line in capsys.readouterr().out.splitlines() if "|" in line]
    assert [row[0].strip() for row in rows[2:]] == ["1", "5", "1", "5"]
    assert all(float(row[2].replace(",", "")) > 0 for row in rows[2:])


@pytest.mark.every
def test_a_profile_sees_the_operations_of_a_graph():
    import tensorflow as tf

    x = tf.ones([300, 300])
    call = tf.function(lambda: tf.linalg.matmul(x, x) + tf.tanh(x))
    found = dict(busy.grouped(busy.busy(call, calls=2)))
    assert found["products"] > 0 and found["convolutions"] == 0
    assert any("Tanh" in kind for kind in busy.busy(call, calls=2))
