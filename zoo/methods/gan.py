"""GAN: generative adversarial networks."""

from typing import Literal

import tensorflow as tf

from zoo import distributions
from zoo.losses import adversarial
from zoo.model import GenerativeModel


class GAN(GenerativeModel):
    """Generative adversarial network: a discriminator, then a generator, in turn.

    *Game*: min over G, max over D of  E_x log D(x) + E_z log(1 - D(G(z))).
    *Players*: discriminator and generator (the decoder), updated one after the other, each on noise
        of its own.
    *Capabilities*: sample, decode.
    *Result*: results/gan-*.json.

    Args:
        generator_loss: "minimax" log(1 - D(G(z))), or "non_saturating" -log D(G(z)).
        discriminator_steps: updates of the discriminator to one of the generator, >= 1.
        discriminator_learning_rate: of the discriminator's Adam, None for `learning_rate`, > 0.
        generator_learning_rate: of the generator's Adam, None for `learning_rate`, > 0.
        **base: see `zoo.model.GenerativeModel`.

    Reference:
        Goodfellow et al.: Generative adversarial nets, arXiv 1406.2661, equation 1 and algorithm 1.
        Here all updates of one step see the same minibatch of data.
    """

    PLAYERS = {"discriminator": ("discriminator",), "generator": ("decoder",)}
    LOGS = ("discriminator_accuracy_data", "discriminator_accuracy_model")

    def __init__(
        self,
        *,
        generator_loss: Literal["minimax", "non_saturating"] = "non_saturating",
        discriminator_steps: int = 1,
        discriminator_learning_rate: float | None = None,
        generator_learning_rate: float | None = None,
        **base,
    ):
        super().__init__(
            generator_loss=generator_loss,
            discriminator_steps=discriminator_steps,
            discriminator_learning_rate=discriminator_learning_rate,
            generator_learning_rate=generator_learning_rate,
            **base,
        )

    def make_networks(self):
        self.make("decoder", (self.latent_dim,), outputs=self.image_shape)
        self.make("discriminator", self.image_shape)

    def train_step(self, data):
        batch = self.as_batch(data)
        for _ in range(self.discriminator_steps):
            self.play(self.discriminator_phase, batch["x"])
        self.play(self.generator_phase, batch["x"])
        return self.report()

    def discriminator_phase(self, x):
        x_p = tf.stop_gradient(self.generate(x))
        logits, logits_p = tf.split(self.apply("discriminator", tf.concat([x, x_p], axis=0)), 2)
        self.log(**adversarial.accuracies(logits, logits_p))
        return {"discriminator": adversarial.discriminator(logits, logits_p)}

    def generator_phase(self, x):
        logits_p = self.apply("discriminator", self.generate(x))
        if self.generator_loss == "minimax":
            return {"generator": adversarial.minimax_generator(logits_p)}
        return {"generator": adversarial.non_saturating_generator(logits_p)}

    def losses_of(self, x):
        return self.discriminator_phase(x) | self.generator_phase(x)

    def generate(self, x):
        """As many samples of p(x) as x has rows."""
        return self.likelihood(self.draw(self.prior, "z", batch_of=x)).mean()

    def likelihood(self, z):
        """p(x|z), a point mass."""
        return distributions.deterministic(distributions.to_data(self.apply("decoder", z)))
