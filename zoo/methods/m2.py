"""M2: a VAE whose code is a class and a style; few labels tell which class."""

from typing import Any, Literal

import tensorflow as tf

from zoo import distributions
from zoo.distributions import Draw
from zoo.fields import field
from zoo.losses import divergence, likelihood, smoothness, supervised
from zoo.model import Distribution, GenerativeModel, Losses
from zoo.model.mixins import FamilyLikelihood
from zoo.model.smoothing import Smoothing


class M2(Smoothing, FamilyLikelihood, GenerativeModel):
    """Semi-supervised VAE: p(y) p(z) p(x|y, z), inferred by q(y|x) q(z|x, y).

    *Use*: classes and styles, by a likelihood.
    *Game*: max over all networks, with the bounds  L(x, y) = E_{q(z|x, y)} log p(x|y, z) + log p(y)
        - KL(q(z|x, y) || p(z)) <= log p(x, y)  and  U(x) = sum_y q(y|x) [L(x, y) - log q(y|x)], of
        mean U(x) + labelled_weight mean L(x_l, y_l) + alpha mean log q(y_l|x_l).
    *Players*: model (classifier, encoder and decoder).
    *Capabilities*: sample, encode, decode, reconstruct, log_prob (a lower bound), classify.
    *Result*: results/m2-*.json.

    The sum over y is exact, with noise of its own for each y; p(y) is uniform. L(x, y) does not
    reach q(y|x): labels teach the classifier by the last term alone. The paper sums over N - N_l
    unlabelled and N_l labelled examples, and divides by N: its labelled_weight is N_l / (N - N_l)
    and its alpha 0.1 N / (N - N_l), the whole times (N - N_l) / N.

    The code is (y, z), y one-hot: `decode` of the same z with each y shows one style in all
    classes. `encode(x)` is the most probable y and the mean of q(z|x, y) there, as a point;
    `part="y"` is q(y|x), `part="style"` is q(z|x, y) at that y. `log_prob` sums p(x, y) over all y,
    each by importance sampling, which needs no q(y|x).

    Reference:
        Kingma, Rezende, Mohamed, Welling: Semi-supervised learning with deep generative models,
        arXiv 1406.5298, equations 6 to 9. The paper's prior of the weights, N(0, 1), is a
        `weight_decay` of 1 / N.
    """

    INFERRED = "q(z|x, y) of every y, whose p(x, y) are summed,"
    OF_EVERY_CLASS = "log p(x|y, z)"  # what `class_likelihood_rows` gives
    PLAYERS = {"model": ("classifier", "encoder", "decoder")}
    LOGS = ("elbo", "labelled_elbo", "cross_entropy")
    DENSITY = "lower_bound"
    LABELS = ("num_classes",)
    NEEDS_LABELS = True
    OUTPUT_BIAS = True
    STYLE_ROLE = "encoder"  # the network of q(z|x, y)
    ROLES = {
        **GenerativeModel.ROLES,
        "classifier": "x [B, *image_shape] -> [B, K], logits of q(y|x).",
        "encoder": "x [B, *image_shape] and one-hot y [B, K] -> [B, 2 latent_dim], means and log "
        "standard deviations of q(z|x, y).",
        "decoder": "y and z side by side, [B, K + latent_dim] -> [B, *image_shape], logits of an "
        "image, or a vector itself.",
    }

    alpha: float = field("weight of the mean cross-entropy of the labels", default=0.1, at_least=0)
    labelled_weight: float = field(
        "weight of the labelled examples' mean bound; that of the unlabelled ones' is 1",
        default=1.0,
        at_least=0,
    )
    kl: Literal["analytic", "monte_carlo"] = field(
        "the KL term in closed form, or from the posterior sample", default="analytic"
    )
    learning_rate = 3e-4
    beta_1 = 0.9

    def make_networks(self) -> None:
        self.require(self.num_classes is not None, "num_classes", "an int")
        self.make_inference()
        self.make_likelihood(self.code_dim)

    def make_inference(self) -> None:
        """Makes the networks of q(y|x) and q(z|x, y)."""
        k, d = self.classes, self.latent_dim
        self.make("classifier", self.image_shape, outputs=(k,), like="encoder")
        self.make("encoder", self.image_shape, (k,), outputs=(2 * d,))

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        self.play(self.bound, *self.phase_inputs(self.as_batch(data)))
        return self.report()

    def bound(self, x: tf.Tensor, x_labelled: tf.Tensor, y: tf.Tensor) -> Losses:
        """-U(x), -L(x_l, y_l) and -log q(y_l|x_l), weighted  (equation 9)."""
        seen = self.seen(x, self.draw)
        bounds = self.class_bounds(*seen, draw=self.draw, kl=self.kl)  # L(x, y), all y
        elbo = likelihood.marginal_bound(bounds, self.logits_of(*seen))  # U(x)
        with self.statistics_kept():
            draw = lambda q, place: self.draw(q, f"{place}_labelled")
            seen = self.seen(x_labelled, draw)
            y_given = self.label_vector(y)
            q = self.style(y_given, *seen)
            labelled = self.joint_bound(q, y_given, *seen, draw=draw, kl=self.kl)
            label_loss = supervised.cross_entropy(self.logits_of(*seen), y)
        self.log(elbo=elbo, labelled_elbo=labelled, cross_entropy=label_loss)
        elbo, labelled, label_loss = map(tf.reduce_mean, (elbo, labelled, label_loss))
        loss = self.alpha * label_loss - elbo - self.labelled_weight * labelled
        return {"model": self.smoothed(loss, smoothness.virtual_adversarial, x)}

    def class_bounds(self, *seen: tf.Tensor, draw: Draw, kl: str) -> tf.Tensor:
        """L(x, y) of every y, [B, K]."""
        q = self.style_of_every_class(*seen)
        bounds = self.joint_bound(q, *self.with_every_class(*seen), draw=draw, kl=kl)
        return tf.reshape(bounds, [-1, self.classes])

    def with_every_class(self, *seen: tf.Tensor) -> list[tf.Tensor]:
        """Every y, one-hot, with each row of what was seen: all y of the first x, and so on."""
        k = self.classes
        y = tf.tile(tf.eye(k), [tf.shape(seen[0])[0], 1])
        return [y, *(tf.repeat(rows, k, axis=0) for rows in seen)]

    def joint_bound(
        self, q: Distribution, y: tf.Tensor, *seen: tf.Tensor, draw: Draw, kl: str
    ) -> tf.Tensor:
        """L(x, y) <= log p(x, y), [B] nats, by one draw of z.

        Args:
            q: q(z|x, y).
            y: one-hot [B, K].
            *seen: what `seen` returns.
            draw: of q.
            kl: "analytic", or "monte_carlo", with which it is log p(x, y, z) / q(z|x, y).
        """
        z, p = draw(q, "z"), distributions.standard_normal(self.latent_dim)
        log_likelihood = self.log_likelihood(tf.concat([y, z], axis=1), *seen)
        if kl == "analytic":
            divergence_ = divergence.analytic_kl(q, p)
        else:
            divergence_ = divergence.monte_carlo_kl(q, p, z)
        return log_likelihood - tf.math.log(float(self.classes)) - divergence_

    # --- what is inferred from what: other methods see more than x --------------------------------

    def seen(self, x: tf.Tensor, draw: Draw) -> tuple[tf.Tensor, ...]:
        """What classes and styles are inferred from, [B, ...] each; the first by both networks."""
        return (x,)

    def logits_of(self, x: tf.Tensor) -> tf.Tensor:
        """log q(y|x) and a constant, [B, K]."""
        return self.apply("classifier", x)

    def beside(self, y: tf.Tensor, *seen: tf.Tensor) -> tf.Tensor:
        """What the encoder is given beside the first of what was seen."""
        return y

    def style(self, y: tf.Tensor, *seen: tf.Tensor) -> Distribution:
        """q(z|x, y)."""
        outputs = self.apply(self.STYLE_ROLE, seen[0], self.beside(y, *seen))
        return distributions.diagonal_normal(outputs)

    def style_of_every_class(self, *seen: tf.Tensor) -> Distribution:
        """q(z|x, y) of every y, in the order of `with_every_class`."""
        beside = self.beside(*self.with_every_class(*seen))
        beside = tf.reshape(beside, [-1, self.classes, beside.shape[-1]])
        return distributions.diagonal_normal(self.apply_with_each(self.STYLE_ROLE, seen[0], beside))

    def log_likelihood(self, code: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """log p(x|y, z), [B]."""
        return self.likelihood(code).log_prob(x)

    # --- the code ---------------------------------------------------------------------------------

    @property
    def classes(self) -> int:
        """K."""
        return self.num_classes or 0  # an int, as `make_networks` asked

    @property
    def code_classes(self) -> int:
        return self.classes

    @property
    def code_dim(self) -> int:
        return self.classes + self.latent_dim

    @property
    def rows_a_draw(self) -> int:
        return self.classes

    @property
    def parts(self) -> tuple[str, ...]:
        return "z", "y", "style"

    @property
    def prior(self) -> Distribution:
        """p(y) p(z), y one-hot."""
        y = distributions.one_hot(tf.zeros(self.classes))
        return distributions.blocks(y, distributions.standard_normal(self.latent_dim))

    # --- verbs ------------------------------------------------------------------------------------

    def class_logits(self, x: tf.Tensor) -> tf.Tensor:
        """log q(y|x) and a constant, [B, K]."""
        return self.logits_of(*self.seen(x, distributions.at_mean))

    def most_probable(self, x: tf.Tensor) -> tf.Tensor:
        """The y of largest q(y|x), one-hot [B, K]."""
        return tf.one_hot(tf.argmax(self.class_logits(x), axis=1), self.classes)

    def posterior(self, x: tf.Tensor) -> Distribution:
        """A point: the most probable y, and the mean of q(z|x, y)."""
        y = self.most_probable(x)
        z = self.style(y, *self.seen(x, distributions.at_mean)).mean()
        return distributions.deterministic(tf.concat([y, z], axis=1))

    def posterior_of_part(self, x: tf.Tensor, part: str) -> Distribution:
        """q(y|x), a Categorical, or q(z|x, y) at the most probable y."""
        if part == "y":
            return distributions.categorical(self.class_logits(x))
        return self.style(self.most_probable(x), *self.seen(x, distributions.at_mean))

    def log_prob_rows(
        self, x: tf.Tensor, seeds_: tf.Tensor, y: None = None, samples: int = 1
    ) -> tf.Tensor:
        """log 1/k sum_k sum_y p(x, y, z_ky) / q(z_ky|x, y): [B] nats."""
        with self.inference():
            rows = tf.repeat(seeds_, samples) + tf.tile(
                tf.range(samples, dtype=tf.int64), tf.shape(seeds_)
            )
            seen = self.seen(tf.repeat(x, samples, axis=0), distributions.drawer(rows))
            draw = distributions.drawer(tf.repeat(rows, self.classes))
            joint = self.class_bounds(*seen, draw=draw, kl="monte_carlo")
            log_weights = tf.reduce_logsumexp(joint, axis=1)
            return likelihood.iwae_bound(tf.reshape(log_weights, [-1, samples]))

    def class_likelihood_rows(self, x: tf.Tensor) -> tf.Tensor:
        """log p(x|y, z) of every y, each at the mean of its q(z|x, y), [B, K] nats."""
        with self.inference():
            seen = self.seen(x, distributions.at_mean)
            y, *repeated = self.with_every_class(*seen)
            code = tf.concat([y, self.style_of_every_class(*seen).mean()], axis=1)
            return tf.reshape(self.log_likelihood(code, *repeated), [-1, self.classes])

    def features_rows(self, x: tf.Tensor, y: None = None) -> dict[str, tf.Tensor]:
        """The encoder's hidden layers at the most probable y."""
        self.require_features()
        with self.inference():
            seen = self.seen(x, distributions.at_mean)
            beside = self.beside(self.most_probable(x), *seen)
            *hidden, _ = self.trace(self.STYLE_ROLE, seen[0], beside)
        return {f"row_{i}": layer for i, layer in enumerate(hidden)}
