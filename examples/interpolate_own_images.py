"""Encodes images of your own with a trained model, and draws the lines between their codes.

    python examples/interpolate_own_images.py --model=exported/ali-digits a.png b.png c.png

Writes interpolations.png: a row goes from each image to the next, with the image itself at both
ends. Images of any size are cropped at their centre and resized to what the model takes. Of models
that draw pixel by pixel, whose p(x|z) has no mean, tools/sample.py shows draws.
"""

import argparse

import numpy as np

import zoo


def main(arguments=None):
    """Images to a picture, whose path is printed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("images", nargs="+", help="two image files at least")
    parser.add_argument("--model", required=True, help="an export, or a pretrained model's name")
    parser.add_argument("--steps", type=int, default=8, help="images on a line")
    parser.add_argument("--out", default="interpolations.png", help="the picture")
    given = parser.parse_args(arguments)
    if len(given.images) < 2:
        parser.error("a line needs two images")

    model = zoo.load(given.model)
    x = zoo.data.read_images(given.images, model.image_shape)  # [N, H, W, C], in [0, 1]
    z = np.asarray(model.encode(x).mean())  # [N, code_dim], the means of q(z|x)
    lines = zoo.pictures.interpolate(z[:-1], z[1:], given.steps)  # from each to the next
    decoded = np.asarray(model.decode(lines).mean())
    picture = zoo.pictures.interpolation_grid(decoded, x[:-1], x[1:])
    zoo.pictures.save_png(given.out, picture)
    print(given.out)


if __name__ == "__main__":
    main()
