"""HALI: hierarchical adversarially learned inference."""

import tensorflow as tf
import tensorflow_probability as tfp

from zoo import distributions
from zoo.errors import refusal
from zoo.losses import adversarial, supervised
from zoo.model import GenerativeModel

tfd = tfp.distributions


class HALI(GenerativeModel):
    """ALI's game on a hierarchy of latent variables z_1, ..., z_L, z_1 nearest to x.

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
    `encode(x, level=l)` is q(z_l|x), `level=None` the joint posterior, a distribution of tuples;
    `reconstruct(x, level=l)` goes up to level l and down again along the means.

    Args:
        latent_dim: dimensions of z_1, the code that `decode` takes, >= 1.
        upper_dims: dimensions of z_2, ..., z_L.
        code_noise: s, standard deviation of the noise of z_1, ..., z_{L-1}, in [0, 1).
        num_classes: of labels, makes D a classifier of K classes and "decoded", as ALI's, >= 2.
        discriminator_learning_rate: of the discriminator's Adam, None for `learning_rate`, > 0.
        generator_learning_rate: of the others' Adam, None for `learning_rate`, > 0.
        **base: see `zoo.model.GenerativeModel`.

    Reference:
        Belghazi, Rajeswar, Mastropietro, Rostamzadeh, Mitrovic, Courville: Hierarchical
            adversarially learned inference,
        arXiv 1802.01071, section 3.
    """

    PLAYERS = {"discriminator": ("discriminator",), "generator": ("encoder", "decoder")}
    LOGS = ("discriminator_accuracy_data", "discriminator_accuracy_model")
    LABELS = ("num_classes",)

    def __init__(
        self,
        *,
        latent_dim: int = 64,
        upper_dims: tuple[int, ...] = (16,),
        code_noise: float = 0.5,
        num_classes: int | None = None,
        discriminator_learning_rate: float | None = None,
        generator_learning_rate: float | None = None,
        **base,
    ):
        super().__init__(
            latent_dim=latent_dim,
            upper_dims=upper_dims,
            code_noise=code_noise,
            num_classes=num_classes,
            discriminator_learning_rate=discriminator_learning_rate,
            generator_learning_rate=generator_learning_rate,
            **base,
        )

    @property
    def players(self):
        upper = range(2, self.levels + 1)
        roles = [f"{role}_{level}" for role in ("encoder", "decoder") for level in upper]
        return {"discriminator": ("discriminator",), "generator": ("encoder", "decoder", *roles)}

    def make_networks(self):
        if not self.upper_dims or min(self.upper_dims) < 1:
            raise ValueError(refusal("upper_dims", "one or more ints >= 1", self.upper_dims))
        dims = self.dims
        self.make("encoder", self.image_shape, outputs=(dims[0],), standard=True)
        self.make("decoder", (dims[0],), outputs=self.image_shape)
        for level, (below, here) in enumerate(zip(dims, dims[1:]), start=2):
            top = level == self.levels
            up, down = {"like": "code_encoder"}, {"like": "code_decoder"}
            outputs = (2 * here if top else here,)
            self.make(f"encoder_{level}", (below,), outputs=outputs, standard=not top, **up)
            self.make(f"decoder_{level}", (here,), outputs=(below,), standard=True, **down)
        classes = (self.num_classes + 1,) if self.classifies else ()
        self.make("discriminator", self.image_shape, (sum(dims),), outputs=classes)

    def adapt(self, x):
        """Output bias of the decoder from the batch's mean (ALI, appendix A)."""
        distributions.set_output_bias(self.decoder, x)

    def train_step(self, data):
        batch = self.as_batch(data)
        self.play(self.game, *self.phase_inputs(batch))
        return self.report()

    def game(self, x, *labelled):
        up = self.climb(x, self.draw)  # z_1 ~ q(z_1|x), ..., z_L ~ q(z_L|z_{L-1})
        top = self.draw(self.prior, "z_p", batch_of=x)  # p(z_L)
        down = [*self.descend(top, self.levels, self.draw), top]  # z_1, ..., z_L of p
        x_p = self.likelihood(down[0]).mean()  # p(x|z_1)
        pairs = tf.concat([x, x_p], axis=0), tf.concat([_side(up), _side(down)], axis=0)
        logits_q, logits_p = tf.split(self.data_logit(self.apply("discriminator", *pairs)), 2)
        self.log(**adversarial.accuracies(logits_q, logits_p))
        discriminator_loss = adversarial.discriminator(logits_q, logits_p)
        if self.classifies:
            discriminator_loss = tf.reduce_mean(discriminator_loss) + self.supervise(*labelled)
        return {
            "discriminator": discriminator_loss,
            "generator": adversarial.swapped_generator(logits_q, logits_p),
        }

    losses_of = game

    # --- the two chains ---------------------------------------------------------------------------

    @property
    def dims(self):
        """Dimensions of z_1, ..., z_L."""
        return (self.latent_dim, *self.upper_dims)

    @property
    def levels(self):
        return len(self.dims)

    def up(self, z, level):
        """q(z_level | z_{level - 1}), of z [..., B, d]."""
        flat = tf.reshape(z, [-1, z.shape[-1]])
        outputs = self.apply(f"encoder_{level}", flat)
        outputs = tf.reshape(outputs, tf.concat([tf.shape(z)[:-1], [outputs.shape[-1]]], axis=0))
        if level == self.levels:  # z_L has a prior, which holds its scale
            return distributions.diagonal_normal(outputs)
        return distributions.unit_normal(outputs, self.code_noise)

    def down(self, z, level):
        """p(z_{level - 1} | z_level)."""
        return distributions.unit_normal(self.apply(f"decoder_{level}", z), self.code_noise)

    def climb(self, x, draw, top=None):
        """[z_1, ..., z_top] of the encoders; `draw(distribution, place)` makes each z."""
        z = [draw(self.posterior(x), "z_1")]
        for level in range(2, (top or self.levels) + 1):
            z.append(draw(self.up(z[-1], level), f"z_{level}"))
        return z

    def descend(self, z, top, draw):
        """[z_1, ..., z_{top - 1}] of the decoders, from z_top."""
        found = []
        for level in range(top, 1, -1):
            z = draw(self.down(z, level), f"z_{level - 1}_p")
            found.insert(0, z)
        return found

    # --- labels -----------------------------------------------------------------------------------

    @property
    def conditional(self):
        return False

    def phase_inputs(self, batch):
        return self.labelled(batch) if self.classifies else super().phase_inputs(batch)

    def data_logit(self, logits):
        """[B]: of "data" against "decoded"."""
        return supervised.data_logit(logits) if self.classifies else logits

    def supervise(self, x, y):
        """Mean cross-entropy of labelled examples among the K classes, scalar nats."""
        z = self.climb(x, lambda q, place: self.draw(q, f"{place}_labelled"))
        logits = self.apply("discriminator", x, _side(z))[:, :-1]
        return tf.reduce_mean(supervised.cross_entropy(logits, y))

    def class_logits(self, x):
        """D's logits of the K classes, [B, K], at the means of the codes."""
        return self.apply("discriminator", x, _side(self.climb(x, _mean)))[:, :-1]

    # --- distributions and verbs ------------------------------------------------------------------

    @property
    def prior(self):
        """p(z_L), batch shape []."""
        return distributions.standard_normal(self.dims[-1])

    def posterior(self, x):
        """q(z_1|x)."""
        return distributions.unit_normal(self.apply("encoder", x), self.code_noise)

    def likelihood(self, z):
        """p(x|z_1)."""
        return distributions.deterministic(distributions.to_data(self.apply("decoder", z)))

    def posterior_of_level(self, x, level):
        """q(z_level|x), known by its samples; the joint q(z_1, ..., z_L|x) for None."""
        if level is None:
            return tfd.JointDistributionCoroutine(lambda: self.chain(x))
        dims = self.dims[:level]

        def function(noise):
            noises = iter(tf.split(noise, dims, axis=-1))
            draw = lambda q, place: q.distribution.loc + q.distribution.scale * next(noises)
            return self.climb(x, draw, level)[-1]

        return distributions.Implicit(function, sum(dims), tf.shape(x)[0], dims[-1:])

    def chain(self, x):
        """Yields q(z_1|x), q(z_2|z_1), ...; is sent a draw of each."""
        with self.inference():
            q = self.posterior(x)
        z = yield tfd.JointDistributionCoroutine.Root(q)
        for level in range(2, self.levels + 1):
            with self.inference():
                q = self.up(z, level)
            z = yield q

    def sample_rows(self, seeds_, y=None):
        with self.inference():
            draw = lambda p, place: distributions.sample_rows(p, seeds_, place)
            top = draw(self.prior, "z_p")
            z = self.descend(top, self.levels, draw)[0]
            return self.likelihood(z).mean()

    def reconstruct_rows(self, x, seeds_, y=None, level=1):
        with self.inference():
            z = self.climb(x, _mean, level)[-1]
            return self.likelihood([*self.descend(z, level, _mean), z][0]).mean()

    def redraw_rows(self, x, seeds_, y=None, level=1):
        with self.inference():
            draw = lambda p, place: distributions.sample_rows(p, seeds_, place)
            z = self.climb(x, draw, level)[-1]
            return self.likelihood([*self.descend(z, level, draw), z][0]).mean()

    def features(self, x, y=None):
        hidden = super().features(x, y)
        with self.inference():
            z = self.posterior(self._x(x)).mean()
            for level in range(2, self.levels + 1):
                rows = self.trace(f"encoder_{level}", z)
                hidden |= {f"level_{level}_row_{i}": row for i, row in enumerate(rows)}
                z = self.up(z, level).mean()
        return hidden


def _mean(distribution, place):
    return distribution.mean()


def _side(codes):
    """Codes of all levels side by side, [B, sum of dims]."""
    return tf.concat(codes, axis=-1)
