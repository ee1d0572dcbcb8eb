"""What reproduce refuses: exit 2, one line, nothing written, TensorFlow not loaded."""

import subprocess
import sys

import common
import pytest
import reproduce

from tests.helpers import refused_in_a_line
from zoo import registry

METHOD = "--method=tests.small:Bound"
KNOWN = registry.list_methods()[0]
CONFIG = f"{METHOD}\n--dataset=digits\n"
REPRODUCE = {
    "no config": (CONFIG, (), "flagfile=None"),
    "bad flag in the config": (
        f"{CONFIG}--latent_dims=1\n",
        ("--flagfile=a.cfg",),
        "--latent_dims",
    ),
    "seed in the config": (f"{CONFIG}--seed=3\n", ("--flagfile=a.cfg",), "--seed=3"),
    "no seeds": (CONFIG, ("--flagfile=a.cfg", "--seeds=0"), "seeds=0"),
    "no jobs": (CONFIG, ("--flagfile=a.cfg", "--jobs=0"), "jobs='0'"),
    "draw of no flag": (
        CONFIG,
        ("--flagfile=a.cfg", "--draw=latent_dims:log:1:2"),
        "Did you mean 'latent_dim'?",
    ),
    "draw of no rule": (CONFIG, ("--flagfile=a.cfg", "--draw=learning_rate:normal:1:2"), "draw="),
    "draw of one end": (CONFIG, ("--flagfile=a.cfg", "--draw=learning_rate:log:1"), "draw="),
    "draw backwards": (
        CONFIG,
        ("--flagfile=a.cfg", "--draw=learning_rate:uniform:2:1"),
        "LOW < HIGH",
    ),
    "draw of log 0": (CONFIG, ("--flagfile=a.cfg", "--draw=beta_1:log:0:0.5"), "0 < LOW"),
    "draw out of range": (
        CONFIG,
        ("--flagfile=a.cfg", "--draw=beta_1:uniform:-1:1"),
        "beta_1=-1.0",
    ),
    "draw of words": (
        CONFIG,
        ("--flagfile=a.cfg", "--draw=decoder_output:uniform:0:1"),
        "a choice",
    ),
    "draw twice": (CONFIG, ("--flagfile=a.cfg", *2 * ("--draw=learning_rate:log:1:2",)), "each"),
}


@pytest.mark.parametrize("name", REPRODUCE)
def test_reproduce_refuses(name, in_tmp_path, capsys):
    text, arguments, part = REPRODUCE[name]
    (in_tmp_path / "a.cfg").write_text(text)
    arguments = ["reproduce.py", *arguments]
    code = common.main(reproduce.run, reproduce.FLAGS, arguments, repeated=("draw",), expand=False)
    refused_in_a_line(code, capsys.readouterr().err, part)
    assert [path.name for path in in_tmp_path.iterdir()] == ["a.cfg"]


def test_refusals_of_reproduce_need_no_tensorflow(run_tool, tmp_path):
    (tmp_path / "a.cfg").write_text(f"--method={KNOWN}\n--dataset=digits\n")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import common, reproduce\n"
        "config = ['reproduce.py', '--flagfile=a.cfg', '--draw=x:log:1:2']\n"
        "common.main(reproduce.run, reproduce.FLAGS, config, ('draw',), False)\n"
        "assert 'tensorflow' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, common.ROOT / "tools"], cwd=tmp_path, capture_output=True
    )
    assert done.returncode == 0, done.stderr
