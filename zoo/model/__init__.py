"""The model that every method is: `base` (what a method defines, Keras) on three rooms.

`building` makes networks and variables, `game` holds phases, plays and draws, `rows` the verbs.
"""

from zoo.model.base import GenerativeModel
from zoo.model.game import Distribution, Losses

__all__ = ["Distribution", "GenerativeModel", "Losses"]
