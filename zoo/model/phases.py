"""What the networks and draws of one phase share, and the losses that move its players."""

import contextlib
import contextvars
import dataclasses
from collections.abc import Callable, Iterator
from typing import TypeAlias

import tensorflow as tf

Losses: TypeAlias = dict[str, tf.Tensor]  # {player: loss, [B] or a scalar}


@dataclasses.dataclass
class Phase:
    """What the networks and draws of one phase share while it is traced."""

    seed: tf.Tensor  # int32 [2]
    training: bool
    calls: dict[str, int] = dataclasses.field(default_factory=dict)  # of each role so far
    places: set[str] = dataclasses.field(default_factory=set)  # of its draws so far
    # Where `train_step` is evaluated, not trained:
    played: dict[Callable, Losses] | None = None
    logged: list[dict[str, tf.Tensor]] = dataclasses.field(default_factory=list)
    steered: bool = False  # whether its players move by what `moving` gives


# Not an attribute of the model: replicas are traced in threads of their own, and a context variable
# is per thread.
_PHASE: contextvars.ContextVar[Phase | None] = contextvars.ContextVar("phase", default=None)


def current() -> Phase | None:
    """The phase that is being traced; None is inference."""
    return _PHASE.get()


@contextlib.contextmanager
def entered(phase: Phase | None) -> Iterator[None]:
    """Inside, networks and draws are those of `phase`; None is inference."""
    token = _PHASE.set(phase)
    try:
        yield
    finally:
        _PHASE.reset(token)


class SteeredLosses(dict[str, tf.Tensor]):
    """{player: loss}, and one tensor whose gradient moves all of the players instead.

    Attributes:
        steering: [B].
    """

    def __init__(self, losses: Losses, steering: tf.Tensor) -> None:
        super().__init__(losses)
        self.steering = steering


def moving(losses: Losses) -> Losses:
    """{player: the tensor whose gradient moves it}."""
    if isinstance(losses, SteeredLosses):
        return dict.fromkeys(losses, losses.steering)
    return losses
