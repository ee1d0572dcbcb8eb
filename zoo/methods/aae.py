"""AAE: adversarial autoencoders, unsupervised, semi-supervised and clustering."""

from typing import Literal

import tensorflow as tf
import tensorflow_probability as tfp

from zoo import distributions
from zoo.errors import refusal
from zoo.losses import adversarial, supervised
from zoo.model import GenerativeModel


class AAE(GenerativeModel):
    """Adversarial autoencoder: the codes of all data are made to follow the prior by a game.

    *Game*: max over encoder and decoder of  E_{q(z|x)} log p(x|z);  and, on the aggregated
        posterior q(z) = E_x q(z|x), max over D and min over the encoder of
        E_{p(z)} log D(z) + E_{q(z)} log(1 - D(z)),
        in turn, the encoder non-saturating. A categorical code y, the encoder's softmax, has a
        discriminator of its own against one-hot draws.
    *Players*: encoder and decoder (the reconstruction phase, one loss); code_discriminator,
        class_discriminator (with a categorical code) and generator (the encoder: the regularisation
        phase, at once from one minibatch); classifier (the encoder, on labelled examples: the
        semi-supervised phase).
    *Capabilities*: sample, encode, decode, reconstruct, classify (with `num_classes`).
    *Result*: results/aae-*.json.

    Args:
        latent_dim: dimensions of the continuous code, 0 for a categorical one alone, >= 0.
        encoder_output: q(z|x): "deterministic", "normal", or "implicit", a function of x and noise.
        noise_dim: of an implicit encoder, None for `latent_dim`, >= 1.
        decoder_output: p(x|z): "bernoulli", or "normal" with standard deviation `decoder_stddev`.
        decoder_stddev: of a normal p(x|z), > 0.
        prior_family: "normal", or "mixture" of `prior_components` long Gaussians on a circle in the
            plane.
        prior_stddev: of a normal prior, > 0.
        prior_components: of a mixture, >= 2.
        num_clusters: width of a categorical code without labels; None for none, >= 2.
        num_classes: of labels, >= 2.
        class_draws: of the encoder's noise, over which q(y|x) is averaged for its discriminator:
            with several an image is in a corner only if all its noisy versions agree on it, >= 1.
        label_use: "classify": the code is (y, z), y trained by labelled examples too;
            "regularise": labels choose the mixture's component that a code must come from.
        encoder_learning_rate: of the reconstruction; a small one leaves a categorical code to the
            adversary and the labels. None for `learning_rate`, > 0.
        decoder_learning_rate: None for `learning_rate`, > 0.
        code_discriminator_learning_rate: None for `learning_rate`, > 0.
        class_discriminator_learning_rate: None for `learning_rate`, > 0.
        generator_learning_rate: None for `learning_rate`, > 0.
        classifier_learning_rate: None for `learning_rate`, > 0.
        **base: see `zoo.model.GenerativeModel`.

    Reference:
        Makhzani, Shlens, Jaitly, Goodfellow, Frey: Adversarial autoencoders, arXiv 1511.05644,
        sections 2 (unsupervised), 2.3 (label-informed), 5 (semi-supervised), 6 (clustering).
    """

    PLAYERS = {
        "encoder": ("encoder",),
        "decoder": ("decoder",),
        "code_discriminator": ("code_discriminator",),
        "class_discriminator": ("class_discriminator",),
        "generator": ("encoder",),
        "classifier": ("encoder",),
    }
    SHARED = ("encoder",)
    LOGS = ("discriminator_accuracy_data", "discriminator_accuracy_model")
    LABELS = ("num_classes",)

    def __init__(
        self,
        *,
        latent_dim: int = 10,
        encoder_output: Literal["deterministic", "normal", "implicit"] = "deterministic",
        noise_dim: int | None = None,
        decoder_output: Literal["bernoulli", "normal"] = "normal",
        decoder_stddev: float = 0.1,
        prior_family: Literal["normal", "mixture"] = "normal",
        prior_stddev: float = 1.0,
        prior_components: int = 10,
        num_clusters: int | None = None,
        num_classes: int | None = None,
        class_draws: int = 1,
        label_use: Literal["classify", "regularise"] = "classify",
        encoder_learning_rate: float | None = None,
        decoder_learning_rate: float | None = None,
        code_discriminator_learning_rate: float | None = None,
        class_discriminator_learning_rate: float | None = None,
        generator_learning_rate: float | None = None,
        classifier_learning_rate: float | None = None,
        **base,
    ):
        super().__init__(
            latent_dim=latent_dim,
            encoder_output=encoder_output,
            noise_dim=noise_dim,
            decoder_output=decoder_output,
            decoder_stddev=decoder_stddev,
            prior_family=prior_family,
            prior_stddev=prior_stddev,
            prior_components=prior_components,
            num_clusters=num_clusters,
            num_classes=num_classes,
            class_draws=class_draws,
            label_use=label_use,
            encoder_learning_rate=encoder_learning_rate,
            decoder_learning_rate=decoder_learning_rate,
            code_discriminator_learning_rate=code_discriminator_learning_rate,
            class_discriminator_learning_rate=class_discriminator_learning_rate,
            generator_learning_rate=generator_learning_rate,
            classifier_learning_rate=classifier_learning_rate,
            **base,
        )

    @property
    def players(self):
        absent = {
            "code_discriminator": not self.latent_dim,
            "class_discriminator": self.code_classes is None,
            "classifier": not self.classifies,
        }
        players = {**self.PLAYERS, "decoder": self.decoder_roles}
        return {player: roles for player, roles in players.items() if not absent.get(player)}

    @property
    def decoder_roles(self):
        """The roles of p(x|z)."""
        return ("decoder",)

    def make_networks(self):
        self._check()
        d, k = self.latent_dim, self.code_classes or 0
        if k:
            self.make("encoder", self.image_shape, outputs=(k + d,))  # logits of y, then z
            self.make("class_discriminator", (k,), like="code_discriminator")
        else:
            self.make_encoder(self.encoder_output, self.noise_dim)
        if d:
            labels = self.num_classes + 1 if self.informed else 0  # the last one: no label
            self.make("code_discriminator", (d + labels,))
        self.make_decoder()

    def make_decoder(self):
        """Makes the networks of p(x|z)."""
        self.make("decoder", (self.code_dim,), outputs=self.image_shape)

    def _check(self):
        if self.label_use == "regularise" and self.num_classes is None:
            raise ValueError(refusal("num_classes", "an int with label_use='regularise'", None))
        if self.prior_family == "mixture" and self.latent_dim != 2:
            raise ValueError(refusal("latent_dim", "2 with a mixture prior", self.latent_dim))
        if not self.latent_dim and not self.code_classes:
            raise ValueError(refusal("latent_dim", "an int >= 1 without a categorical code", 0))
        if self.code_classes and self.encoder_output != "deterministic":
            expected = "'deterministic' with a categorical code"
            raise ValueError(refusal("encoder_output", expected, self.encoder_output))
        if self.class_draws > 1 and not self.code_classes:
            expected = "1 without a categorical code"
            raise ValueError(refusal("class_draws", expected, self.class_draws))
        if self.num_clusters is not None and self.num_classes is not None:
            raise ValueError(refusal("num_clusters", "None with num_classes", self.num_clusters))
        if self.informed and (self.prior_family, self.prior_components) != (
            "mixture",
            self.num_classes,
        ):
            expected = f"a mixture of num_classes = {self.num_classes} with label_use='regularise'"
            received = (self.prior_family, self.prior_components)
            raise ValueError(refusal("prior_family, prior_components", expected, received))

    def adapt(self, x):
        """Output bias of the decoder from the batch's mean."""
        distributions.set_output_bias(self.decoder, x)

    def train_step(self, data):
        x, *labelled = self.phase_inputs(self.as_batch(data))
        self.play(self.reconstruction, x)
        self.play(self.regularisation, x, *labelled)
        if self.classifies:
            self.play(self.classification, *labelled)
        return self.report()

    def reconstruction(self, x):
        code = self.draw(self.posterior(x), "code")
        loss = -self.likelihood(code).log_prob(x)
        return {"encoder": loss, "decoder": loss}

    def regularisation(self, x, *labelled):
        y_q, z_q = self.split(self.draw(self.posterior(x), "code"))
        if self.class_draws > 1:
            more = [self.split(self.posterior(x).mean())[0] for _ in range(self.class_draws - 1)]
            y_q = tf.add_n([y_q, *more]) / self.class_draws
        y_p, z_p = self.split(self.draw(self.prior, "prior", batch_of=x))
        if self.informed:
            z_q, z_p = self.with_labels(z_q, z_p, *labelled)
        games = {"class_discriminator": (y_p, y_q), "code_discriminator": (z_p, z_q)}
        losses, generator = {}, 0.0
        for role, codes in games.items():
            if role not in self.networks:
                continue
            logits_p, logits_q = self.discriminate(role, *codes)
            losses[role] = adversarial.discriminator(logits_p, logits_q)
            generator += adversarial.non_saturating_generator(logits_q)
            accuracies = adversarial.accuracies(logits_p, logits_q)  # of z, where there is one
        self.log(**accuracies)
        return losses | {"generator": generator}

    def classification(self, x, y):
        return {"classifier": supervised.cross_entropy(self.class_logits(x), y)}

    def losses_of(self, x, *labelled):
        losses = self.reconstruction(x) | self.regularisation(x, *labelled)
        return losses | (self.classification(*labelled) if self.classifies else {})

    def discriminate(self, role, code_p, code_q):
        """Logits [B], [B] of draws of the prior and of codes."""
        return tf.split(self.apply(role, tf.concat([code_p, code_q], axis=0)), 2)

    def with_labels(self, z_q, z_p, x, y):
        """Codes and draws of the prior, [B + B_labelled, d + K + 1], with what is known of each.

        A labelled code is held against its class's component, the others against all.

        Reference: section 2.3 and figure 3.
        """
        loc, scale = distributions.petals(self.prior_components)
        z_q = tf.concat([z_q, self.draw(self.posterior(x), "labelled")], axis=0)
        of_class = distributions.component(loc, scale, y)
        z_p = tf.concat([z_p, self.draw(of_class, "component")], axis=0)
        unknown = tf.fill([tf.shape(z_q)[0] - tf.shape(y)[0]], self.num_classes)
        known = tf.one_hot(tf.concat([unknown, tf.cast(y, tf.int32)], axis=0), self.num_classes + 1)
        return tf.concat([z_q, known], axis=1), tf.concat([z_p, known], axis=1)

    # --- labels and parts of the code -------------------------------------------------------------

    @property
    def conditional(self):
        return False

    @property
    def classifies(self):
        return self.num_classes is not None and self.label_use == "classify"

    @property
    def informed(self):
        """Whether labels inform the regularisation."""
        return self.num_classes is not None and self.label_use == "regularise"

    def phase_inputs(self, batch):
        return self.labelled(batch) if self.num_classes is not None else super().phase_inputs(batch)

    @property
    def code_classes(self):
        return self.num_classes if self.classifies else self.num_clusters

    @property
    def code_dim(self):
        return self.latent_dim + (self.code_classes or 0)

    @property
    def parts(self):
        return ("z", "y", "style") if self.code_classes else ("z",)

    def split(self, code):
        """(y or None, z) of a whole code."""
        k = self.code_classes
        return (code[:, :k], code[:, k:]) if k else (None, code)

    def class_logits(self, x):
        """log q(y|x) and a constant, [B, K]."""
        return self.apply("encoder", x)[:, : self.code_classes]

    # --- distributions ----------------------------------------------------------------------------

    @property
    def prior(self):
        d = self.latent_dim
        if self.prior_family == "mixture":
            z = distributions.mixture(*distributions.petals(self.prior_components))
        else:
            z = distributions.standard_normal(d, self.prior_stddev)
        if not self.code_classes:
            return z
        y = distributions.one_hot(tf.zeros(self.code_classes))
        return distributions.blocks(y, z) if d else y

    def posterior(self, x):
        """q(z|x); with a categorical code a point: softmax of y, then z."""
        if self.code_classes:
            y, z = self.split(self.apply("encoder", x))
            return distributions.deterministic(tf.concat([tf.nn.softmax(y), z], axis=1))
        return self.code(x, self.encoder_output, self.noise_dim)

    def posterior_of_part(self, x, part):
        """q(y|x), a Categorical, or q(z|x) of the continuous part."""
        y, z = self.split(self.apply("encoder", x))
        if part == "y":
            return tfp.distributions.Categorical(logits=y)
        return distributions.deterministic(z)

    def likelihood(self, z):
        """p(x|z)."""
        outputs = self.apply("decoder", z)
        return distributions.likelihood(self.decoder_output, outputs, self.decoder_stddev)
