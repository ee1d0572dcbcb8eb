"""Models whose p(x|z) is autoregressive: what they share, mixed in before their base."""

from typing import Literal

from zoo.distributions.pixels import FAMILIES, Autoregressive
from zoo.errors import refusal
from zoo.networks import PixelStack


class PixelDecoder:
    """What models with an autoregressive p(x|code) share, mixed in before their base.

    Args:
        decoder_output: of a pixel: "bernoulli" for binary ones; for 256 levels "categorical" or
            "logistic_mixture" (PixelCNN++).
        mixture_components: of a logistic mixture, >= 1.
        pixel_layers: of the masked network, >= 1.
        pixel_maps: of each of its two stacks, >= 1.
        pixel_kernel: height and width of a layer's window, odd, >= 3.
        pixel_first_kernel: those of the first layer, odd, >= 3.
        pixel_dropout: fraction dropped behind the gates, in [0, 1).
        gated: False for ReLUs in the place of gates.
        conditioning: on the code or the labels: "invariant" adds a linear map of them to each
            layer, the same at all pixels; "dependent" one of maps that a decoder makes of them.
        condition_maps: made by that decoder, >= 1.
        **base: of the class that it is mixed into.
    """

    def __init__(
        self,
        *,
        decoder_output: Literal["bernoulli", "categorical", "logistic_mixture"] = "bernoulli",
        mixture_components: int = 10,
        pixel_layers: int = 6,
        pixel_maps: int = 32,
        pixel_kernel: int = 5,
        pixel_first_kernel: int = 7,
        pixel_dropout: float = 0.0,
        gated: bool = True,
        conditioning: Literal["invariant", "dependent"] = "invariant",
        condition_maps: int = 16,
        **base,
    ):
        super().__init__(
            decoder_output=decoder_output,
            mixture_components=mixture_components,
            pixel_layers=pixel_layers,
            pixel_maps=pixel_maps,
            pixel_kernel=pixel_kernel,
            pixel_first_kernel=pixel_first_kernel,
            pixel_dropout=pixel_dropout,
            gated=gated,
            conditioning=conditioning,
            condition_maps=condition_maps,
            **base,
        )

    @property
    def pixel_roles(self):
        """The roles of p(x|z): with location-dependent conditions a "decoder" spreads the code."""
        return ("pixels", "decoder") if self.conditioning == "dependent" else ("pixels",)

    @property
    def family(self):
        """The family of a pixel."""
        return FAMILIES[self.decoder_output](self.image_shape[-1], self.mixture_components)

    def make_pixels(self, code_dim=0):
        """Makes the networks of p(x|code), or of p(x) without a code."""
        if len(self.image_shape) != 3:
            expected = "(H, W, C): pixels have an order"
            raise ValueError(refusal("image_shape", expected, self.image_shape))
        for name in ("pixel_kernel", "pixel_first_kernel"):
            if getattr(self, name) % 2 == 0:
                raise ValueError(refusal(name, "an odd int >= 3", getattr(self, name)))
        conditions = ((code_dim,),) if code_dim else ()
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

    def pixel_by_pixel(self, rows, *code):
        """p(x|code) for codes [B, code_dim], or p(x) for `rows` images."""

        def conditions():
            dependent = code and self.conditioning == "dependent"
            return (self.apply("decoder", *code),) if dependent else code

        def sampler(pick, noise):
            return self.networks["pixels"].sample(pick, noise, *conditions())

        return Autoregressive(
            self.family,
            lambda x: self.apply("pixels", x, *conditions()),
            sampler,
            rows,
            self.image_shape,
        )

    def proper_likelihood(self, binary):
        return binary if self.decoder_output == "bernoulli" else True
