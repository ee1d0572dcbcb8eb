"""The model that every method is: `base` (what a method defines, Keras) on four rooms.

`building` makes networks and variables, `batches` reads data and labels, `game` holds phases, plays
and draws (`phases` what a phase shares, `opposed` two players' one backward pass), `rows` the
verbs.
"""

from zoo.model.base import GenerativeModel
from zoo.model.game import Distribution
from zoo.model.phases import Losses

__all__ = ["Distribution", "GenerativeModel", "Losses"]
