"""What methods with the usual kinds of q(z|x) or p(x|z) share, mixed in before their base."""

from typing import TYPE_CHECKING, Literal

import tensorflow as tf

from zoo import distributions
from zoo.fields import field
from zoo.model.game import Distribution

if TYPE_CHECKING:  # what they are mixed into
    from zoo.model.base import GenerativeModel as Model
else:
    from zoo.fields import Declared as Model


class AmortisedPosterior(Model):
    """q(z|x) of an encoder, of one of three kinds."""

    encoder_output: Literal["normal", "deterministic", "implicit"] = field(
        'q(z|x): a Gaussian, a point, or "implicit", a function of x and noise', default="normal"
    )
    noise_dim: int | None = field(
        "width of the noise of an implicit encoder, None for `latent_dim`",
        default=None,
        at_least=1,
        needs="encoder_output=implicit",
    )

    def make_posterior(self) -> None:
        """Makes the encoder; the labels of a conditional model join its inputs."""
        self.make_encoder(self.encoder_output, self.noise_dim, labels=self.label_width)

    def posterior(self, x: tf.Tensor, y: tf.Tensor | None = None) -> Distribution:
        """q(z|x), or q(z|x, y)."""
        return self.code(x, *self.labels_of(y))


class FamilyLikelihood(Model):
    """p(x|z) of a decoder, of one of three families."""

    decoder_output: Literal["bernoulli", "normal", "discretised_logistic"] = field(
        'p(x|z): "bernoulli" for binary pixels, "discretised_logistic" for 256 levels, or "normal" '
        "with standard deviation `decoder_stddev`, a density",
        default="bernoulli",
    )
    decoder_stddev: float = field(
        "standard deviation of a normal p(x|z)",
        default=0.1,
        above=0,
        needs="decoder_output=normal",
    )

    def make_likelihood(self, code_dim: int) -> None:
        """Makes the decoder; the labels of a conditional model join its codes."""
        levels = self.decoder_output == "discretised_logistic"
        expected = "bernoulli or normal of vectors, which have no levels of grey"
        self.require(not levels or len(self.image_shape) == 3, "decoder_output", expected)
        maps = 2 if self.decoder_output == "discretised_logistic" else 1
        outputs = (*self.image_shape[:-1], maps * self.image_shape[-1])
        self.make("decoder", (code_dim + self.label_width,), outputs=outputs)

    def adapt(self, x: tf.Tensor) -> None:
        if self.decoder_output != "discretised_logistic":
            super().adapt(x)

    def likelihood(self, z: tf.Tensor, y: tf.Tensor | None = None) -> Distribution:
        """p(x|z), or p(x|z, y)."""
        outputs = self.apply("decoder", tf.concat([z, *self.labels_of(y)], axis=-1))
        return distributions.likelihood(self.decoder_output, outputs, self.decoder_stddev)


class Pretrained(Model):
    """Two stages: a model that is trained first, then what is learned on top of it, frozen."""

    pretrain_steps: int = field(
        "of the first stage; 0 with the weights of a trained model (`--init_from`)",
        default=10_000,
        at_least=0,
    )

    @property
    def stage_starts(self) -> tuple[int, ...]:
        return (self.pretrain_steps,)
