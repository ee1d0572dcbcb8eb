"""What `compile` takes: each form, and which optimizer each player gets, or that it is refused.

`python -m tests.compile_forms` writes what it finds to docs/compile_forms.md, which
tests/keras_habits/test_compile.py keeps true.
"""

import keras

from tests.helpers import ROOT
from tests.small import AtOnce, Bound, make

PAGE = ROOT / "docs" / "compile_forms.md"
REFUSED = "refused"
PLAYERS = {1: Bound, 2: AtOnce}  # of the latter discriminator and generator

# (number of players, the call, classes of the optimizers by player; None where it is refused)
FORMS = (
    (2, "compile()", ["FusedAdam", "FusedAdam"]),
    (2, 'compile("sgd")', ["SGD", "SGD"]),
    (2, 'compile(optimizer="adam")', ["Adam", "Adam"]),
    (1, "compile(K.RMSprop(1e-3))", ["RMSprop"]),
    (1, "compile(optimizer=K.RMSprop(1e-3))", ["RMSprop"]),
    (1, "compile(K.AdamW(1e-3, use_ema=True))", None),
    (2, "compile(K.Adam(1e-3))", None),
    (2, "compile([K.Adam(), K.SGD()])", None),
    (2, 'compile({"generator": "sgd"})', ["FusedAdam", "SGD"]),
    (2, 'compile({"discriminator": K.Lion(1e-4)})', ["Lion", "FusedAdam"]),
    (2, 'compile(dict.fromkeys(["discriminator", "generator"], K.Adam(1e-3)))', None),
    (2, 'compile({"critic": "adam"})', None),
    (2, 'compile("adamant")', None),
    (2, 'compile({"generator": 1e-3})', None),
    (1, 'compile("adam", optimizer="adam")', None),
    (1, 'compile("adam", "mse")', None),
    (1, 'compile(loss="mse")', None),
    (1, 'compile(metrics=["mae"])', None),
)


def outcome(players, call):
    """Classes of the optimizers by player; None where the call is refused in one line."""
    model = make(PLAYERS[players])
    try:
        eval(f"model.{call}", {"model": model, "K": keras.optimizers})
    except (ValueError, TypeError) as error:
        assert str(error).startswith("Invalid `") and "\n" not in str(error), error
        return None
    return [type(optimizer).__name__ for optimizer in model.optimizers.values()]


def page(found):
    """The text of docs/compile_forms.md."""
    lines = [
        "# Forms of `compile`",
        "",
        "Written by `python -m tests.compile_forms`, and kept true by the tests. `K` is",
        "`keras.optimizers`. `FusedAdam`, Adam in one kernel, is what a player gets unless it is",
        "told otherwise; its learning rate and decays are hyper-parameters of the model. What is",
        "refused is refused in one line. Losses and metrics are the method's own.",
        "",
        "| players | call | optimizers |",
        "|---|---|---|",
    ]
    for (players, call, _), classes in zip(FORMS, found, strict=True):
        lines.append(f"| {players} | `{call}` | {', '.join(classes or [REFUSED])} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page([outcome(*form[:2]) for form in FORMS]))
