"""InfoGAN: a GAN whose samples tell a part of their code."""

import math

import tensorflow as tf

from zoo import distributions
from zoo.fields import field
from zoo.losses import divergence
from zoo.methods.gan import GAN
from zoo.model import Distribution, Losses


class InfoGAN(GAN):
    """A GAN with a code c beside its noise, of which each sample has to keep the information.

    *Use*: codes with a meaning, learned without labels.
    *Game*: min over G and Q, max over D of  V(D, G) - lambda L_I(G, Q),  V the GAN's,
        L_I = E_{c ~ p(c), x = G(z, c)} log Q(c|x) + H(c),  at most the information of c in x.
    *Players*: discriminator (D, whose last row gives Q's parameters beside its logit) and
        generator (the decoder), updated one after the other. L_I is a part of both their losses.
    *Capabilities*: sample, decode, read (a point: log Q(k|x) of each category k, then the means of
        Q of the continuous codes).
    *Result*: results/infogan-*.json.

    A whole code is a category, one-hot, then continuous codes, U(-1, 1), then the noise. The log
    `information` is L_I of the category, at most log `num_clusters` nats; `code_error` is the mean
    squared error of the continuous codes as Q reads them, 1/3 if x tells nothing of them.

    Nothing in the game says what categories are. In results/infogan-mnist-augmentation.json they
    are digits: D and Q see images whose slant, width and place change at random (`augmentation`),
    so that these tell no category, and at a small lambda the GAN's game still moves the samples
    of a category that is no digit.

    Reference:
        Chen, Duan, Houthooft, Schulman, Sutskever, Abbeel: InfoGAN: Interpretable representation
        learning by information maximizing generative adversarial nets, arXiv 1606.03657, equation 6
        and appendix C.1. The hidden row of its own that Q has there is the table's `aside`: here
        "infogan_mnist" has it. As in the authors' code for MNIST, Q of a continuous code is a
        Gaussian of standard deviation 1.
    """

    LOGS = (*GAN.LOGS, "information", "code_error")

    num_clusters: int | None = field(
        "categories of the categorical code; None for none", default=10, at_least=2
    )
    continuous_codes: int = field("number of continuous codes", default=2, at_least=0)
    code_stddev: float = field(
        "standard deviation of Q of a continuous code",
        default=1.0,
        above=0,
        needs="continuous_codes",
    )
    information_weight: float = field(
        "lambda: of L_I in both players' losses", default=1.0, at_least=0
    )
    latent_dim = 62
    prior_family = "uniform"
    generator_learning_rate = 1e-3

    def make_networks(self) -> None:
        self.require(self.head_width, "continuous_codes", "an int >= 1 without a category")
        super().make_networks()

    @property
    def code_classes(self) -> int | None:
        return self.num_clusters

    @property
    def head_width(self) -> int:
        return (self.num_clusters or 0) + self.continuous_codes

    @property
    def told_dim(self) -> int:
        """Dimensions of a code before its noise: those that Q tells from a sample."""
        return self.head_width

    @property
    def code_dim(self) -> int:
        return self.told_dim + self.latent_dim

    @property
    def phase_logs(self) -> tuple[str, ...]:
        absent = {"information": not self.num_clusters, "code_error": not self.continuous_codes}
        return tuple(name for name in super().phase_logs if not absent.get(name))

    @property
    def prior(self) -> Distribution:
        """p(c) p(z)."""
        k, n = self.num_clusters, self.continuous_codes
        category = [distributions.one_hot(tf.zeros(k))] if k else []
        continuous = [distributions.uniform(n)] if n else []
        return distributions.blocks(*category, *continuous, super().prior)

    # --- the game ---------------------------------------------------------------------------------

    def discriminator_phase(self, x: tf.Tensor, *given: tf.Tensor) -> Losses:
        """The GAN's, of samples from one draw of the code, which Q reads."""
        return super().discriminator_phase(x, self.draw(self.prior, "z", batch_of=x))

    def generator_phase(self, x: tf.Tensor, *given: tf.Tensor) -> Losses:
        """The GAN's, of samples from one draw of the code, which Q reads."""
        return super().generator_phase(x, self.draw(self.prior, "z", batch_of=x))

    def generate(self, x: tf.Tensor, *given: tf.Tensor) -> tf.Tensor:
        """G(z, c) of the code that the phase drew."""
        return self.likelihood(*given).mean()

    def discriminator_cost(
        self, outputs: list[tf.Tensor], points: tf.Tensor | None, *given: tf.Tensor
    ) -> tf.Tensor:
        """The GAN's - lambda L_I, [B]."""
        loss = super().discriminator_cost(outputs, points, *given)
        return loss - self.information_weight * sum(self.information(outputs[1], *given).values())

    def generator_cost(self, outputs_p: tf.Tensor, *given: tf.Tensor) -> tf.Tensor:
        """The GAN's - lambda L_I, [B]."""
        loss = super().generator_cost(outputs_p, *given)
        return loss - self.information_weight * sum(self.information(outputs_p, *given).values())

    def information(self, outputs_p: tf.Tensor, code: tf.Tensor) -> dict[str, tf.Tensor]:
        """{"category", "continuous"}: log Q(c|x) + H(c) of each, [B] nats  (equation 5)."""
        (logits, loc), (category, continuous) = self.split(outputs_p[:, 1:]), self.split(code)
        found = {}
        if self.num_clusters:
            log_q = distributions.one_hot(logits).log_prob(category)
            found["category"] = divergence.information_bound(log_q, math.log(self.num_clusters))
        if n := self.continuous_codes:
            log_q = distributions.normal(loc, self.code_stddev).log_prob(continuous)
            found["continuous"] = divergence.information_bound(log_q, n * math.log(2.0))
        return found

    def watch(self, outputs: tf.Tensor, outputs_p: tf.Tensor, *given: tf.Tensor) -> None:
        """Logs what Q reads of the samples' codes, too."""
        super().watch(outputs, outputs_p, *given)
        if self.num_clusters:
            self.log(information=self.information(outputs_p, *given)["category"])
        if self.continuous_codes:
            (_, loc), (_, continuous) = self.split(outputs_p[:, 1:]), self.split(*given)
            self.log(code_error=tf.reduce_mean(tf.square(loc - continuous), axis=1))

    def split(self, code: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The categorical and the continuous columns of a code, or of Q's parameters."""
        k = self.num_clusters or 0
        return code[:, :k], code[:, k : k + self.continuous_codes]

    def reading(self, x: tf.Tensor) -> Distribution:
        """Q(c|x) as a point: log-probabilities of the categories, then means."""
        logits, loc = self.split(self.apply("discriminator", x)[:, 1:])
        known = [tf.nn.log_softmax(logits)] if self.num_clusters else []
        return distributions.deterministic(tf.concat([*known, loc], axis=1))
