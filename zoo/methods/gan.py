"""GAN: generative adversarial networks."""

from typing import Any, Literal

import tensorflow as tf

from zoo import distributions
from zoo.fields import field
from zoo.losses import adversarial
from zoo.model import Distribution, GenerativeModel, Losses


class GAN(GenerativeModel):
    """Generative adversarial network: a discriminator, then a generator, in turn.

    *Use*: samples alone, by the simplest game.
    *Game*: min over G, max over D of  E_x log D(x) + E_z log(1 - D(G(z))).
    *Players*: discriminator and generator (the decoder), updated one after the other, each on noise
        of its own.
    *Capabilities*: sample, decode.
    *Result*: results/gan-*.json.

    Reference:
        Goodfellow et al.: Generative adversarial nets, arXiv 1406.2661, equation 1 and algorithm 1.
        Here all updates of one step see the same minibatch of data. Batch normalisation in D sees
        data and samples apart, in its own phase as in the generator's: Radford, Metz, Chintala,
        DCGAN, arXiv 1511.06434.
    """

    PLAYERS = {"discriminator": ("discriminator",), "generator": ("decoder",)}
    LOGS = ("discriminator_accuracy_data", "discriminator_accuracy_model")

    generator_loss: Literal["minimax", "non_saturating"] = field(
        "log(1 - D(G(z))), or -log D(G(z))", default="non_saturating"
    )
    discriminator_steps: int = field(
        "updates of the discriminator to one of the generator", default=1, at_least=1
    )

    def make_networks(self) -> None:
        self.make("decoder", (self.latent_dim,), outputs=self.image_shape)
        self.make("discriminator", self.image_shape)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        x = self.as_batch(data)["x"]
        for _ in range(self.discriminator_steps):
            self.play(self.discriminator_phase, x)
        self.play(self.generator_phase, x)
        return self.report()

    def discriminator_phase(self, x: tf.Tensor) -> Losses:
        """-log D(x) - log(1 - D(G(z)))  (algorithm 1)."""
        x_p = tf.stop_gradient(self.generate(x))
        logits, logits_p = self.apply_each("discriminator", (x,), (x_p,), together=False)
        self.log(**adversarial.accuracies(logits, logits_p))
        return {"discriminator": adversarial.discriminator(logits, logits_p)}

    def generator_phase(self, x: tf.Tensor) -> Losses:
        """-log D(G(z)), or log(1 - D(G(z)))  (section 3)."""
        logits_p = self.apply("discriminator", self.generate(x))
        if self.generator_loss == "minimax":
            return {"generator": adversarial.minimax_generator(logits_p)}
        return {"generator": adversarial.non_saturating_generator(logits_p)}

    def generate(self, x: tf.Tensor) -> tf.Tensor:
        """As many samples of p(x) as x has rows."""
        return self.likelihood(self.draw(self.prior, "z", batch_of=x)).mean()

    def likelihood(self, z: tf.Tensor) -> Distribution:
        """p(x|z), a point mass."""
        return distributions.deterministic(distributions.to_data(self.apply("decoder", z)))
