"""AAE: adversarial autoencoders, unsupervised, semi-supervised and clustering."""

from typing import Any, Literal

import tensorflow as tf

from zoo import distributions
from zoo.fields import field
from zoo.losses import adversarial, supervised
from zoo.model import Distribution, GenerativeModel, Losses
from zoo.model.mixins import AmortisedPosterior, FamilyLikelihood


class AAE(AmortisedPosterior, FamilyLikelihood, GenerativeModel):
    """Adversarial autoencoder: the codes of all data are made to follow the prior by a game.

    *Use*: codes that follow a prior; clusters; few labels.
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
    OUTPUT_BIAS = True

    latent_dim: int = field(
        "dimensions of the continuous code, 0 for a categorical one alone", default=10, at_least=0
    )
    encoder_output = "deterministic"
    decoder_output = "normal"
    prior_family: Literal["normal", "mixture"] = field(
        'p(z): "mixture" is `prior_components` long Gaussians on a circle in the plane',
        default="normal",
    )
    prior_stddev: float = field(
        "standard deviation of a normal prior", default=1.0, above=0, needs="prior_family=normal"
    )
    prior_components: int = field(
        "Gaussians of a mixture prior", default=10, at_least=2, needs="prior_family=mixture"
    )
    num_clusters: int | None = field(
        "width of a categorical code without labels; None for none", default=None, at_least=2
    )
    class_draws: int = field(
        "number of noisy copies of each image over which q(y|x) is averaged before the class "
        "discriminator sees it; with more than one, the average is near one-hot only if all copies "
        "get the same class",
        default=1,
        at_least=1,
    )
    label_use: Literal["classify", "regularise"] = field(
        'with `num_classes`: "classify": the code is (y, z), y trained by labelled examples too; '
        '"regularise": labels choose the mixture\'s component that a code must come from',
        default="classify",
    )
    encoder_learning_rate: float | None = field(
        "learning rate of the encoder in the reconstruction; a small one leaves a categorical code "
        "to the adversary and the labels; None for `learning_rate`",
        default=None,
        above=0,
    )

    @property
    def players(self) -> dict[str, tuple[str, ...]]:
        absent = {
            "code_discriminator": not self.latent_dim,
            "class_discriminator": self.code_classes is None,
            "classifier": not self.classifies,
        }
        players = {**self.PLAYERS, "decoder": self.decoder_roles}
        return {player: roles for player, roles in players.items() if not absent.get(player)}

    @property
    def decoder_roles(self) -> tuple[str, ...]:
        """The roles of p(x|z)."""
        return ("decoder",)

    def make_networks(self) -> None:
        self._check()
        d, k = self.latent_dim, self.code_classes or 0
        if k:
            self.make("encoder", self.image_shape, outputs=(k + d,))  # logits of y, then z
            self.make("class_discriminator", (k,), like="code_discriminator")
        else:
            self.make_posterior()
        if d:
            labels = (self.num_classes or 0) + 1 if self.informed else 0  # the last one: no label
            self.make("code_discriminator", (d + labels,))
        self.make_decoder()

    def make_decoder(self) -> None:
        """Makes the networks of p(x|z)."""
        self.make_likelihood(self.code_dim)

    def _check(self) -> None:
        k, mixture = self.code_classes, self.prior_family == "mixture"
        deterministic = self.encoder_output == "deterministic"
        one_kind = self.num_clusters is None or self.num_classes is None
        told = self.label_use == "classify" or self.num_classes is not None
        self.require(told, "num_classes", "an int with label_use='regularise'")
        self.require(self.latent_dim == 2 or not mixture, "latent_dim", "2 with a mixture prior")
        self.require(self.latent_dim or k, "latent_dim", "an int >= 1 without a categorical code")
        expected = "'deterministic' with a categorical code"
        self.require(deterministic or not k, "encoder_output", expected)
        self.require(self.class_draws == 1 or k, "class_draws", "1 without a categorical code")
        self.require(one_kind, "num_clusters", "None with num_classes")
        if self.informed:
            self.require(mixture, "prior_family", "'mixture' with label_use='regularise'")
            matching = self.prior_components == self.num_classes
            expected = f"num_classes = {self.num_classes} with label_use='regularise'"
            self.require(matching, "prior_components", expected)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        x, *labelled = self.phase_inputs(self.as_batch(data))
        self.play(self.reconstruction, x)
        self.play(self.regularisation, x, *labelled)
        if self.classifies:
            self.play(self.classification, *labelled)
        return self.report()

    def reconstruction(self, x: tf.Tensor) -> Losses:
        """-log p(x|z), z ~ q(z|x)."""
        z = self.draw(self.posterior(x), "code")  # q(z|x), or q(y, z|x)
        loss = -self.likelihood(z).log_prob(x)
        return {"encoder": loss, "decoder": loss}

    def regularisation(self, x: tf.Tensor, *labelled: tf.Tensor) -> Losses:
        """Discriminators of draws of the prior against codes; the encoder -log D(z)."""
        y_q, z_q = self.split(self.draw(self.posterior(x), "code"))  # q(z)
        y_p, z_p = self.split(self.draw(self.prior, "prior", batch_of=x))  # p(z)
        if self.code_classes:
            y_q = self.averaged_class(x, y_q)
        if self.informed:
            z_q, z_p = self.with_labels(z_q, z_p, *labelled)
        games = {"class_discriminator": (y_p, y_q)} if self.code_classes else {}
        if self.latent_dim:
            games["code_discriminator"] = (z_p, z_q)
        logits = {role: self.apply_each(role, (p,), (q,)) for role, (p, q) in games.items()}
        shown = "code_discriminator" if self.latent_dim else "class_discriminator"
        self.log(**adversarial.accuracies(*logits[shown]))
        losses = {role: adversarial.discriminator(*pair) for role, pair in logits.items()}
        fooled = (adversarial.non_saturating_generator(logits_q) for _, logits_q in logits.values())
        return losses | {"generator": sum(fooled, 0.0)}

    def classification(self, x: tf.Tensor, y: tf.Tensor) -> Losses:
        """-log q(y|x) of labelled examples."""
        with self.statistics_kept():
            logits = self.class_logits(x)
        return {"classifier": supervised.cross_entropy(logits, y)}

    def averaged_class(self, x: tf.Tensor, y_q: tf.Tensor) -> tf.Tensor:
        """q(y|x) averaged over `class_draws` noisy copies of each image, of which y_q is one."""
        if self.class_draws == 1:
            return y_q
        more = [self.split(self.posterior(x).mean())[0] for _ in range(self.class_draws - 1)]
        return tf.add_n([y_q, *more]) / self.class_draws

    def with_labels(
        self, z_q: tf.Tensor, z_p: tf.Tensor, x: tf.Tensor, y: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Codes and draws of the prior, [B + B_labelled, d + K + 1], with what is known of each.

        A labelled code is held against its class's component, the others against all.

        Reference: section 2.3 and figure 3.
        """
        k = self.num_classes or 0
        loc, scale = distributions.petals(self.prior_components)
        with self.statistics_kept():
            z_q = tf.concat([z_q, self.draw(self.posterior(x), "labelled")], axis=0)
        of_class = distributions.component(loc, scale, y)
        z_p = tf.concat([z_p, self.draw(of_class, "component")], axis=0)
        unknown = tf.fill([tf.shape(z_q)[0] - tf.shape(y)[0]], k)
        known = tf.one_hot(tf.concat([unknown, tf.cast(y, tf.int32)], axis=0), k + 1)
        return tf.concat([z_q, known], axis=1), tf.concat([z_p, known], axis=1)

    # --- labels and parts of the code -------------------------------------------------------------

    @property
    def semi_supervised(self) -> bool:
        return self.num_classes is not None

    @property
    def classifies(self) -> bool:
        return self.num_classes is not None and self.label_use == "classify"

    @property
    def informed(self) -> bool:
        """Whether labels inform the regularisation."""
        return self.num_classes is not None and self.label_use == "regularise"

    @property
    def code_classes(self) -> int | None:
        return self.num_classes if self.classifies else self.num_clusters

    @property
    def code_dim(self) -> int:
        return self.latent_dim + (self.code_classes or 0)

    @property
    def parts(self) -> tuple[str, ...]:
        return ("z", "y", "style") if self.code_classes else ("z",)

    def split(self, code: tf.Tensor) -> tuple[tf.Tensor | None, tf.Tensor]:
        """(y or None, z) of a whole code."""
        k = self.code_classes
        return (code[:, :k], code[:, k:]) if k else (None, code)

    def class_logits(self, x: tf.Tensor) -> tf.Tensor:
        """log q(y|x) and a constant, [B, K]."""
        return self.apply("encoder", x)[:, : self.code_classes]

    # --- distributions ----------------------------------------------------------------------------

    @property
    def prior(self) -> Distribution:
        d = self.latent_dim
        if self.prior_family == "mixture":
            z = distributions.mixture(*distributions.petals(self.prior_components))
        else:
            z = distributions.standard_normal(d, self.prior_stddev)
        if not self.code_classes:
            return z
        y = distributions.one_hot(tf.zeros(self.code_classes))
        return distributions.blocks(y, z) if d else y

    def posterior(self, x: tf.Tensor) -> Distribution:
        """q(z|x); with a categorical code a point: softmax of y, then z."""
        if self.code_classes:
            y, z = self.split(self.apply("encoder", x))
            return distributions.deterministic(tf.concat([tf.nn.softmax(y), z], axis=1))
        return super().posterior(x)

    def posterior_of_part(self, x: tf.Tensor, part: str) -> Distribution:
        """q(y|x), a Categorical, or q(z|x) of the continuous part."""
        y, z = self.split(self.apply("encoder", x))
        if part == "y":
            return distributions.categorical(y)
        return distributions.deterministic(z)
