"""What methods with the usual kinds of q(z|x) or p(x|z) share, mixed in before their base."""

from collections.abc import Callable
from typing import Literal

import tensorflow as tf

from zoo import distributions, fields
from zoo.fields import field
from zoo.model.game import Distribution


class AmortisedPosterior(fields.Declared):
    """q(z|x) of an encoder, of one of three kinds."""

    label_width: int
    labels_of: Callable[[tf.Tensor | None], list[tf.Tensor]]
    make_encoder: Callable[..., None]
    code: Callable[..., Distribution]

    encoder_output: Literal["normal", "deterministic", "implicit"] = field(
        "normal", 'q(z|x): a Gaussian, a point, or "implicit", a function of x and noise'
    )
    noise_dim: int | None = field(
        None, "width of the noise of an implicit encoder, None for `latent_dim`", at_least=1
    )

    def make_posterior(self) -> None:
        """Makes the encoder; the labels of a conditional model join its inputs."""
        self.make_encoder(self.encoder_output, self.noise_dim, labels=self.label_width)

    def posterior(self, x: tf.Tensor, y: tf.Tensor | None = None) -> Distribution:
        """q(z|x), or q(z|x, y)."""
        return self.code(x, *self.labels_of(y))


class FamilyLikelihood(fields.Declared):
    """p(x|z) of a decoder, of one of three families."""

    image_shape: tuple[int, ...]
    label_width: int
    labels_of: Callable[[tf.Tensor | None], list[tf.Tensor]]
    make: Callable[..., None]
    apply: Callable[..., tf.Tensor]

    decoder_output: Literal["bernoulli", "normal", "discretised_logistic"] = field(
        "bernoulli",
        'p(x|z): "bernoulli" for binary pixels, "discretised_logistic" for 256 levels, or "normal" '
        "with standard deviation `decoder_stddev`, a density",
    )
    decoder_stddev: float = field(0.1, "standard deviation of a normal p(x|z)", above=0)

    def make_likelihood(self, code_dim: int) -> None:
        """Makes the decoder; the labels of a conditional model join its codes."""
        maps = 2 if self.decoder_output == "discretised_logistic" else 1
        outputs = (*self.image_shape[:-1], maps * self.image_shape[-1])
        self.make("decoder", (code_dim + self.label_width,), outputs=outputs)

    def adapt(self, x: tf.Tensor) -> None:
        if self.decoder_output != "discretised_logistic":
            super().adapt(x)  # type: ignore[misc]  # of the model it is mixed into

    def likelihood(self, z: tf.Tensor, y: tf.Tensor | None = None) -> Distribution:
        """p(x|z), or p(x|z, y)."""
        outputs = self.apply("decoder", tf.concat([z, *self.labels_of(y)], axis=-1))
        return distributions.likelihood(self.decoder_output, outputs, self.decoder_stddev)

    def proper_likelihood(self, binary: bool) -> bool:
        return binary if self.decoder_output == "bernoulli" else True


class Pretrained(fields.Declared):
    """Two stages: a model that is trained first, then what is learned on top of it, frozen."""

    pretrain_steps: int = field(
        10_000,
        "of the first stage; 0 with the weights of a trained model (`--init_from`)",
        at_least=0,
    )

    @property
    def stage_starts(self) -> tuple[int, ...]:
        return (self.pretrain_steps,)
