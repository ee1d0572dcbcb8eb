"""Models whose p(x|code) is drawn pixel by pixel: the masked network and its conditions."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import tensorflow as tf

from zoo.distributions.pixels import FAMILIES, Autoregressive
from zoo.fields import field
from zoo.networks import PixelStack

if TYPE_CHECKING:  # what it is mixed into
    from zoo.model.base import GenerativeModel as Model
else:
    from zoo.fields import Declared as Model


class PixelDecoder(Model):
    """What models with an autoregressive p(x|code) share, mixed in before their base."""

    decoder_output: Literal["bernoulli", "categorical", "logistic_mixture"] = field(
        'of a pixel: "bernoulli" for binary ones; for `grey_levels` "categorical" or '
        '"logistic_mixture" (PixelCNN++)',
        default="bernoulli",
    )
    grey_levels: int = field(
        "values that a channel may have, evenly from 0 to 1: 256 of 8-bit images, 17 of digits; "
        "other pixels are rounded to them, and their likelihood is no other model's",
        default=256,
        at_least=2,
        at_most=256,
        needs="decoder_output=categorical|logistic_mixture",
    )
    mixture_components: int = field(
        "of a logistic mixture", default=10, at_least=1, needs="decoder_output=logistic_mixture"
    )
    pixel_layers: int = field("layers of the masked network", default=6, at_least=1)
    pixel_maps: int = field("maps of each of its two stacks", default=32, at_least=1)
    pixel_kernel: int = field("height and width of a layer's window, odd", default=5, at_least=3)
    pixel_first_kernel: int = field("those of the first layer, odd", default=7, at_least=3)
    pixel_dropout: float = field(
        "fraction dropped behind the gates", default=0.0, at_least=0, below=1
    )
    gated: bool = field("gates; false for ReLUs in their place", default=True)
    conditioning: Literal["invariant", "dependent"] = field(
        'on the code or the labels: "invariant" adds a linear map of them to each layer, the same '
        'at all pixels; "dependent" one of maps that a decoder makes of them',
        default="invariant",
    )
    condition_maps: int = field(
        "maps that this decoder makes", default=16, at_least=1, needs="conditioning=dependent"
    )

    @property
    def pixel_roles(self) -> tuple[str, ...]:
        """The roles of p(x|z): with location-dependent conditions a "decoder" spreads the code."""
        return ("pixels", "decoder") if self.conditioning == "dependent" else ("pixels",)

    @property
    def family(self) -> Any:
        """The family of a pixel."""
        make = FAMILIES[self.decoder_output]
        return make(self.image_shape[-1], self.mixture_components, self.grey_levels)

    def make_pixels(self, code_dim: int = 0) -> None:
        """Makes the networks of p(x|code), or of p(x) without a code."""
        images = len(self.image_shape) == 3
        self.require(images, "image_shape", "(H, W, C): pixels have an order")
        for name in ("pixel_kernel", "pixel_first_kernel"):
            self.require(getattr(self, name) % 2 == 1, name, "an odd int >= 3")
        conditions: tuple[tuple[int, ...], ...] = ((code_dim,),) if code_dim else ()
        if code_dim and self.conditioning == "dependent":
            conditions = ((*self.image_shape[:2], self.condition_maps),)
            self.make("decoder", (code_dim,), outputs=conditions[0])

        network = PixelStack(
            self.family.heads,
            layers=self.pixel_layers,
            maps=self.pixel_maps,
            kernel=self.pixel_kernel,
            first_kernel=self.pixel_first_kernel,
            gated=self.gated,
            dropout=self.pixel_dropout,
            init_seed=self.init_seed("pixels"),
            dtype=self.dtype_policy,
            name="pixels",
        )
        self.add_network("pixels", network, self.image_shape, *conditions)

    def pixel_by_pixel(self, rows: int | tf.Tensor, *code: tf.Tensor) -> Autoregressive:
        """p(x|code) for codes [B, code_dim], or p(x) for `rows` images."""

        def conditions() -> tuple[tf.Tensor, ...]:
            dependent = code and self.conditioning == "dependent"
            return (self.apply("decoder", *code),) if dependent else code

        def sampler(pick: Callable, noise: tf.Tensor) -> tf.Tensor:
            return self.networks["pixels"].sample(pick, noise, *conditions())

        return Autoregressive(
            self.family,
            lambda x: self.apply("pixels", x, *conditions()),
            sampler,
            rows,
            self.image_shape,
        )

    def adapt(self, x: tf.Tensor) -> None:
        if self.decoder_output != "bernoulli":
            steps = np.asarray(x) * (self.grey_levels - 1)
            # To half a step of 256 levels, and rounding: 17 levels may be stored in 8 bits.
            near = np.abs(steps - np.round(steps)).max() <= 0.51 * (self.grey_levels - 1) / 255
            expected = "as many values as pixels have, evenly from 0 to 1, 256 of 8-bit images"
            self.require(near, "grey_levels", expected)
        super().adapt(x)
