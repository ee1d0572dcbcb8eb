"""What the pictures of `sample.py` show, in a line each."""

from typing import TYPE_CHECKING

import drawing

if TYPE_CHECKING:
    from zoo.model import GenerativeModel

_CAPTIONS = {
    "samples": "draws of the model",
    "reconstructions": "pairs: an image, and what its code becomes",
    "levels": "a row an image: itself, then reconstructions from level 1, level 2, ...",
    "inpaintings": "a row an image: itself, its left half, and what the model puts beside it",
    "ratios": "real images, from the smallest ratio to the largest",
    "interpolations": "a row is a line between two codes; real images at the ends, if any",
    "draws": "a row a code, after its image; a column a draw of p(x|z)",
    "traversals": "a row a dimension of a code, moved over the prior's range",
    "neighbours": "a row is a sample, then the training images nearest to it",
    "arithmetic": "an image or sample; then column k: its class's mean code minus, class k's plus",
    "codes": "draws of q(z|x), coloured by class, beside the prior",
    "scatter": "data and samples in the plane",
    "curves": "what was logged, over the steps",
    "own-reconstructions": "your images beside their reconstructions",
    "own-interpolations": "a row is a line between the codes of two of your images",
}


_OF_CLASSES = {
    "styles": "a row a style (the rest of the code), a column a class",
    "attributes": "a row an image: itself, its reconstruction, then with each attribute on",
    "classified": "real images, in the order of the classes that the model gives them",
}


def of(name: str, model: "GenerativeModel") -> str:
    """What a picture of a model shows, in a line."""
    if name == "arithmetic" and model.conditional:
        return f"{_CAPTIONS[name]}; the model is told the image's own class in all of them"
    if name != "classes":
        return _CAPTIONS[name]
    if "sample" not in model.capabilities:
        return _OF_CLASSES["classified"]
    return _OF_CLASSES["styles" if drawing.number_of_classes(model) else "attributes"]


def of_any(name: str) -> str:
    """What a picture shows of whatever model."""
    return _CAPTIONS.get(name) or "; or ".join(_OF_CLASSES.values())
