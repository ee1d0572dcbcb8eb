"""Model cards: one page on a model, for people, in Markdown.

`card` lays the page out, `failures` says what the evaluation knows against the model, `metadata`
what model hubs read, `figures` how numbers are written, `text` texts. Loads no TensorFlow.
"""

from zoo.cards.card import Published, headline_first, render
from zoo.cards.text import plain

__all__ = ["Published", "headline_first", "plain", "render"]
