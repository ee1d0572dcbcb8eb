"""How a model is asked, in Python, and how it is trained further: lines of a card."""

import re
from typing import Any

from zoo.cards.text import literal, shape

_FURTHER = """
`zoo.restore("{name}")` gives the Keras model, to train it further. So does a run that begins with
its weights:

```
python tools/train.py --flagfile={config} --init_from={name} --run_dir=runs/further
```
{anew}"""
_ANEW = """
The archive holds what the verbs need alone: {roles} begin{s} with new weights, and the others may
get worse before they get better.
"""


def call(model: Any, verb: str, values: str, data: str | None) -> str:
    """Lines of Python: what a model is asked first, of examples of `data` where it needs some."""
    taken = shape([16, *model.image_shape])
    if verb != "sample":
        name = {"classify": "logits", "log_ratio": "log_r"}[verb]
        examples = f'x = zoo.data.load({literal(data)}).arrays("test", 16)["x"]' if data else ""
        line = f"{name} = model.{verb}(x)"
        comment = f"  # {taken}, {values}"
        return f"{examples}{comment}\n{line}" if data else f"{line}  # x: {taken}, {values}"
    arguments = ", ".join(["16", *_label_argument(model), "seed=0"])
    return f"x = model.sample({arguments})  # {taken}, {values}"


def _label_argument(model: Any) -> list[str]:
    if not model.conditional:
        return []
    if model.num_attributes is not None:
        return [f"y=[[0.0] * {model.num_attributes}] * 16"]
    return ["y=[0] * 16"]


def further(name: str, model: Any, command: str) -> str:
    """How a published model is trained further, and what of it was not published.

    Args:
        name: of the model.
        model: as it is restored; `untrained` names the networks that it came without.
        command: of its result, which names its config.
    """
    config = re.search(r"--flagfile=(\S+)", command)
    roles = sorted(getattr(model, "untrained", ()))
    listed = " and ".join(f"`{role}`" for role in roles)
    anew = _ANEW.format(roles=listed, s="s" if len(roles) == 1 else "") if roles else ""
    return _FURTHER.format(name=name, config=config[1] if config else "CONFIG", anew=anew)
