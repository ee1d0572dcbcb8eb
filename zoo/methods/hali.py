"""HALI: hierarchical adversarially learned inference."""

from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from tensorflow_probability import distributions as tfd

from zoo import distributions
from zoo.distributions import Draw
from zoo.fields import field
from zoo.losses import adversarial, supervised
from zoo.model import Distribution, GenerativeModel, Losses
from zoo.model.opposed import Opposition


class HALI(GenerativeModel):
    """ALI's game on a hierarchy of latent variables z_1, ..., z_L, z_1 nearest to x.

    *Use*: codes of several levels; few labels.
    *Game*: min over encoders and decoders, max over D of  E_q log D + E_p log(1 - D)  on joints
        q = q(x) q(z_1|x) prod_l q(z_l|z_{l-1})  and  p = p(z_L) prod_l p(z_{l-1}|z_l) p(x|z_1),
        D seeing (x, z_1, ..., z_L); encoders and decoders with the labels swapped, as ALI.
    *Players*: discriminator; generator (all encoders and decoders), both updated at once from one
        minibatch.
    *Capabilities*: sample, encode, decode, reconstruct, classify (with `num_classes`).
    *Result*: results/hali-*.json.

    No prior holds z_1, ..., z_{L-1}: with free means and scales the two chains drifted, and
    MNIST's digits became blobs. So their conditionals are
        z_l = sqrt(1 - s^2) m + s eps,  m the network's output with mean 0 and variance 1 over the
        batch (population statistics at inference), s fixed:
    in both chains these codes have mean 0 and variance 1, as z_L under its prior.
    `latent_dim` is that of z_1, the code that `decode` takes. `encode(x, level=l)` is q(z_l|x),
    `level=None` the joint posterior, a distribution of tuples; `reconstruct(x, level=l)` goes up to
    level l and down again along the means. With `num_classes` D is a classifier of K classes and
    "decoded", as ALI's.

    Reference:
        Belghazi, Rajeswar, Mastropietro, Rostamzadeh, Mitrovic, Courville: Hierarchical
            adversarially learned inference,
        arXiv 1802.01071, section 3.
    """

    PLAYERS = {"discriminator": ("discriminator",), "generator": ("encoder", "decoder")}
    LOGS = ("discriminator_accuracy_data", "discriminator_accuracy_model")
    LABELS = ("num_classes",)
    OUTPUT_BIAS = True

    upper_dims: tuple[int, ...] = field("dimensions of z_2, ..., z_L", default=(16,), at_least=1)
    code_noise: float = field(
        "s, standard deviation of the noise of z_1, ..., z_{L-1}", default=0.5, at_least=0, below=1
    )

    @property
    def players(self) -> dict[str, tuple[str, ...]]:
        upper = range(2, self.levels + 1)
        roles = [f"{role}_{level}" for role in ("encoder", "decoder") for level in upper]
        return {"discriminator": ("discriminator",), "generator": ("encoder", "decoder", *roles)}

    def make_networks(self) -> None:
        self.require(self.upper_dims, "upper_dims", "one or more ints >= 1")
        dims = self.dims
        self.make("encoder", self.image_shape, outputs=(dims[0],), standard=True)
        self.make("decoder", (dims[0],), outputs=self.image_shape)
        for level, (below, here) in enumerate(zip(dims, dims[1:]), start=2):
            top = level == self.levels
            encoder, decoder = f"encoder_{level}", f"decoder_{level}"
            outputs = (2 * here if top else here,)
            self.make(encoder, (below,), outputs=outputs, standard=not top, like="code_encoder")
            self.make(decoder, (here,), outputs=(below,), standard=True, like="code_decoder")
        classes = ((self.num_classes or 0) + 1,) if self.classifies else ()
        self.make("discriminator", self.image_shape, (sum(dims),), outputs=classes)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        self.play(self.game, *self.phase_inputs(self.as_batch(data)))
        return self.report()

    def game(self, x: tf.Tensor, *labelled: tf.Tensor) -> Losses:
        """D of (x, z_1 ... z_L) of q against those of p; labels swapped  (section 3)."""
        z_q = self.climb(x, self.draw)  # z_1 ~ q(z_1|x), ..., z_L ~ q(z_L|z_{L-1})
        z_top = self.draw(self.prior, "z_p", batch_of=x)  # p(z_L)
        z_p = self.descend(z_top, self.levels, self.draw)  # z_{L-1} ~ p(z_{L-1}|z_L), ..., z_1
        x_p = self.likelihood(z_p[0]).mean()  # p(x|z_1)
        both = Opposition(self.discriminator, possible=not self.classifies)
        q, p = (x, both.enter(_side(z_q), side=0)), (x_p, _side(z_p))
        p = tuple(both.enter(each, side=1) for each in p)  # z_p[0] too comes from a decoder
        logits = self.apply_each("discriminator", q, p)
        logits = list(map(supervised.data_logit, logits)) if self.classifies else logits
        self.log(**adversarial.accuracies(*logits))
        losses = both.losses(adversarial.discriminator, adversarial.swapped_generator, *logits)
        if self.classifies:
            supervised_loss = self.supervise(*labelled)
            losses["discriminator"] = tf.reduce_mean(losses["discriminator"]) + supervised_loss
        return losses

    # --- the two chains ---------------------------------------------------------------------------

    @property
    def dims(self) -> tuple[int, ...]:
        """Dimensions of z_1, ..., z_L."""
        return (self.latent_dim, *self.upper_dims)

    @property
    def levels(self) -> int:
        return len(self.dims)

    def up(self, z: tf.Tensor, level: int) -> Distribution:
        """q(z_level | z_{level - 1}), of z [..., B, d]."""
        flat = tf.reshape(z, [-1, z.shape[-1]])
        outputs = self.apply(f"encoder_{level}", flat)
        outputs = tf.reshape(outputs, tf.concat([tf.shape(z)[:-1], [outputs.shape[-1]]], axis=0))
        if level == self.levels:  # z_L has a prior, which holds its scale
            return distributions.diagonal_normal(outputs)
        return distributions.unit_normal(outputs, self.code_noise)

    def down(self, z: tf.Tensor, level: int) -> Distribution:
        """p(z_{level - 1} | z_level)."""
        return distributions.unit_normal(self.apply(f"decoder_{level}", z), self.code_noise)

    def climb(self, x: tf.Tensor, draw: Draw, top: int | None = None) -> list[tf.Tensor]:
        """[z_1, ..., z_top] of the encoders."""
        return self.climb_from(self.posterior(x), draw, top)

    def climb_from(self, q: Distribution, draw: Draw, top: int | None = None) -> list[tf.Tensor]:
        """[z_1, ..., z_top] from q(z_1|x)."""
        z = [draw(q, "z_1")]
        for level in range(2, (top or self.levels) + 1):
            z.append(draw(self.up(z[-1], level), f"z_{level}"))
        return z

    def descend(self, z: tf.Tensor, top: int, draw: Draw) -> list[tf.Tensor]:
        """[z_1, ..., z_top] of the decoders, from z_top."""
        chain = [z]
        for level in range(top, 1, -1):
            chain.append(draw(self.down(chain[-1], level), f"z_{level - 1}_p"))
        return chain[::-1]

    # --- labels -----------------------------------------------------------------------------------

    def supervise(self, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        """Mean cross-entropy of labelled examples among the K classes, scalar nats."""
        with self.statistics_kept():
            z = self.climb(x, lambda q, place: self.draw(q, f"{place}_labelled"))
            logits = self.apply("discriminator", x, _side(z))[:, :-1]
        return tf.reduce_mean(supervised.cross_entropy(logits, y))

    def class_logits(self, x: tf.Tensor) -> tf.Tensor:
        """D's logits of the K classes, [B, K], at the means of the codes."""
        return self.apply("discriminator", x, _side(self.climb(x, distributions.at_mean)))[:, :-1]

    # --- distributions and verbs ------------------------------------------------------------------

    @property
    def prior(self) -> Distribution:
        """p(z_L), batch shape []."""
        return distributions.standard_normal(self.dims[-1])

    def posterior(self, x: tf.Tensor) -> Distribution:
        """q(z_1|x)."""
        return distributions.unit_normal(self.apply("encoder", x), self.code_noise)

    def likelihood(self, z: tf.Tensor) -> Distribution:
        """p(x|z_1)."""
        return distributions.deterministic(distributions.to_data(self.apply("decoder", z)))

    def posterior_of_level(self, x: tf.Tensor, level: int | None) -> Distribution:
        """q(z_level|x), known by its samples; the joint q(z_1, ..., z_L|x) for None."""
        if level is None:
            return tfd.JointDistributionCoroutine(lambda: self.joint(x))
        dims, first = self.dims[:level], self.posterior(x)  # however many draws: x is read once

        def function(noise: tf.Tensor) -> tf.Tensor:
            noises = iter(tf.split(noise, dims, axis=-1))
            draw = lambda q, place: q.distribution.loc + q.distribution.scale * next(noises)
            return self.climb_from(first, draw, level)[-1]

        return distributions.Implicit(function, sum(dims), tf.shape(x)[0], dims[-1:])

    def joint(self, x: tf.Tensor) -> Iterator[Distribution]:
        """Yields q(z_1|x), q(z_2|z_1), ...; is sent a draw of each."""
        with self.inference():
            q = self.posterior(x)
        z = yield tfd.JointDistributionCoroutine.Root(q)
        for level in range(2, self.levels + 1):
            with self.inference():
                q = self.up(z, level)
            z = yield q

    def sample_rows(self, seeds_: tf.Tensor, y: None = None) -> tf.Tensor:
        with self.inference():
            draw = distributions.drawer(seeds_)
            z = self.descend(draw(self.prior, "z_p"), self.levels, draw)
            return self.likelihood(z[0]).mean()

    def reconstruct_rows(
        self, x: tf.Tensor, seeds_: tf.Tensor, y: None = None, level: int = 1
    ) -> tf.Tensor:
        return self._up_and_down(x, level, distributions.at_mean)

    def redraw_rows(
        self, x: tf.Tensor, seeds_: tf.Tensor, y: None = None, level: int = 1
    ) -> tf.Tensor:
        return self._up_and_down(x, level, distributions.drawer(seeds_))

    def _up_and_down(self, x: tf.Tensor, level: int, draw: Draw) -> tf.Tensor:
        with self.inference():
            z = self.descend(self.climb(x, draw, level)[-1], level, draw)
            return self.likelihood(z[0]).mean()

    @property
    def has_features(self) -> bool:
        encoders = [role for role in self.networks if role.startswith("encoder")]
        return all(hasattr(self.networks[role], "trace") for role in encoders)

    def features_rows(self, x: tf.Tensor, y: None = None) -> dict[str, tf.Tensor]:
        hidden = super().features_rows(x, y)
        with self.inference():
            z = self.posterior(x).mean()
            for level in range(2, self.levels + 1):
                *rows, _ = self.trace(f"encoder_{level}", z)
                hidden |= {f"level_{level}_row_{i}": row for i, row in enumerate(rows)}
                z = self.up(z, level).mean()
        return hidden


def _side(codes: list[tf.Tensor]) -> tf.Tensor:
    """Codes of all levels side by side, [B, sum of dims]."""
    return tf.concat(codes, axis=-1)
