"""Toy models for the tests that belong to no method, and the smallest networks.

One toy a kind of game, so that a test of the base class, the run loop or the exports needs none of
`zoo/methods/`: `InTurn`, `AtOnce` and `Bound`. `zoo.create("tests.small:InTurn", ...)` makes one.
"""

from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from zoo import distributions, seeds
from zoo.fields import field
from zoo.losses import adversarial, divergence, likelihood
from zoo.model import GenerativeModel
from zoo.model.game import Phase, entered
from zoo.networks.stack import Pair, Stack, dense

D = 2  # data and latents of `make`


class InTurn(GenerativeModel):
    """Two players, one after the other; no inference.

    Reference:
        A toy of the tests.
    """

    PLAYERS = {"discriminator": ("discriminator",), "generator": ("decoder",)}

    def make_networks(self):
        self.make("decoder", (self.latent_dim,), outputs=self.image_shape)
        self.make("discriminator", self.image_shape)

    def train_step(self, data):
        batch = self.as_batch(data)
        self.play(self.discriminator_phase, batch["x"])
        self.play(self.generator_phase, batch["x"])
        return self.report()

    def discriminator_phase(self, x):
        logits, logits_p = (self.apply("discriminator", each) for each in (x, self.generate(x)))
        return {"discriminator": adversarial.discriminator(logits, logits_p)}

    def generator_phase(self, x):
        logits_p = self.apply("discriminator", self.generate(x))
        return {"generator": adversarial.non_saturating_generator(logits_p)}

    def generate(self, x):
        return self.likelihood(self.draw(self.prior, "z", batch_of=x)).mean()

    def likelihood(self, z):
        return distributions.deterministic(distributions.to_data(self.apply("decoder", z)))


class AtOnce(GenerativeModel):
    """Two players at once, one of two networks; inference without a density.

    Reference:
        A toy of the tests.
    """

    PLAYERS = {"discriminator": ("discriminator",), "generator": ("encoder", "decoder")}

    implicit: bool = field("whether q(z|x) is known by its samples alone", default=False)

    def make_networks(self):
        d = self.latent_dim
        noise, outputs = (((d,),), d) if self.implicit else ((), 2 * d)
        self.make("encoder", self.image_shape, *noise, outputs=(outputs,))
        self.make("decoder", (d,), outputs=self.image_shape)
        self.make("discriminator", self.image_shape, (d,))

    def train_step(self, data):
        batch = self.as_batch(data)
        self.play(self.game, batch["x"])
        return self.report()

    def game(self, x):
        z_q = self.draw(self.posterior(x), "z_q")
        z_p = self.draw(self.prior, "z_p", batch_of=x)
        logits_q = self.apply("discriminator", x, z_q)
        logits_p = self.apply("discriminator", self.likelihood(z_p).mean(), z_p)
        return {
            "discriminator": adversarial.discriminator(logits_q, logits_p),
            "generator": adversarial.swapped_generator(logits_q, logits_p),
        }

    def posterior(self, x):
        if not self.implicit:
            return distributions.diagonal_normal(self.apply("encoder", x))
        encode = lambda noise: tf.cast(self.apply("encoder", x, noise), tf.float32)
        return distributions.Implicit(encode, self.latent_dim, tf.shape(x)[0], (self.latent_dim,))

    def likelihood(self, z):
        return distributions.deterministic(distributions.to_data(self.apply("decoder", z)))


class Bound(GenerativeModel):
    """One player with a lower bound of log p(x).

    Reference:
        A toy of the tests.
    """

    PLAYERS = {"model": ("encoder", "decoder")}
    LOGS = ("reconstruction_loss", "kl")
    DENSITY = "lower_bound"

    decoder_output: Literal["bernoulli", "normal", "discretised_logistic"] = field(
        "p(x|z); a normal one has standard deviation 1", default="bernoulli"
    )

    def make_networks(self):
        *size, maps = self.image_shape
        maps *= 2 if self.decoder_output == "discretised_logistic" else 1
        self.make("encoder", self.image_shape, outputs=(2 * self.latent_dim,))
        self.make("decoder", (self.latent_dim,), outputs=(*size, maps))

    def train_step(self, data):
        batch = self.as_batch(data)
        self.play(self.bound, batch["x"])
        return self.report()

    def bound(self, x):
        q = self.posterior(x)
        log_likelihood = self.likelihood(self.draw(q, "z")).log_prob(x)
        kl = divergence.analytic_kl(q, self.prior)
        self.log(reconstruction_loss=-log_likelihood, kl=kl)
        return {"model": likelihood.negative_elbo(log_likelihood, kl)}

    def log_prob_rows(self, x, seeds_, y=None, samples=1):
        with self.inference():
            q = self.posterior(x)
            draws = tf.unstack(distributions.sample_rows(q, seeds_, "z", n=samples), axis=1)
            joint = [self.likelihood(z).log_prob(x) + self.prior.log_prob(z) for z in draws]
            ratios = [p - q.log_prob(z) for p, z in zip(joint, draws)]
            return likelihood.iwae_bound(tf.stack(ratios, axis=1))

    def posterior(self, x):
        return distributions.diagonal_normal(self.apply("encoder", x))

    def likelihood(self, z):
        outputs = self.apply("decoder", z)
        if self.decoder_output == "bernoulli":
            return distributions.bernoulli(outputs)
        if self.decoder_output == "discretised_logistic":
            return distributions.discretised_logistic(outputs)
        return distributions.normal(distributions.to_data(outputs), 1.0)


KINDS = (InTurn, AtOnce, Bound)


# --- the smallest networks ------------------------------------------------------------------------


def hidden():
    """A row of eight units."""
    return dense(8, activation="tanh")


def stack(units, seed, *rows, **options):
    """Rows, then a linear one of so many units."""
    rows = (*rows, dense(units, activation="linear"))
    return Stack(rows, init_seed=seed, init_stddev=0.5, **options)


def nets(*roles, dtype=None):
    """{role: network of one hidden row} for vectors; beside an encoder D takes (x, z)."""
    options = {"dtype": dtype}
    made = {
        "encoder": lambda: stack(2 * D, 1, hidden(), **options),
        "decoder": lambda: stack(D, 2, hidden(), **options),
        "discriminator": lambda: Pair(
            Stack((), **options),
            Stack((), **options) if "encoder" in roles else None,
            stack(1, 3, hidden(), **options),
            **options,
        ),
    }
    return {role: made[role]() for role in roles}


def make(kind, **options):
    """A toy of vectors [B, D]."""
    roles = dict.fromkeys(role for player in kind.PLAYERS.values() for role in player)
    own = {"decoder_output": "normal"} if kind is Bound else {}
    networks = nets(*roles, dtype=options.get("dtype"))
    return kind(image_shape=(D,), latent_dim=D, **networks, **own, **options)


# --- what tests of the game share -----------------------------------------------------------------


def batch(n=16, seed=0):
    """[n, D], normal."""
    return np.random.default_rng(seed).standard_normal((n, D)).astype(np.float32)


def sgd(model, rate=0.1, **options):
    """Compiles with plain SGD for every player."""
    model.compile({player: keras.optimizers.SGD(rate) for player in model.players}, **options)
    return model


def weights(model):
    """{player: arrays}."""
    return {
        player: [v.numpy() for v in variables]
        for player, variables in model.player_variables.items()
    }


def same(a, b):
    """Whether two lists of arrays are equal."""
    return all(np.array_equal(i, j) for i, j in zip(a, b, strict=True))


def gradients(model, phase, x):
    """{player: gradients} of the next play of a phase, at the weights as they are."""
    context = Phase(seeds.fold(model.seed, "play", model.play_counter.value), training=True)
    with entered(context), tf.GradientTape(persistent=True) as tape:
        losses = {player: tf.reduce_mean(loss) for player, loss in phase(x).items()}
    players = model.player_variables
    return {p: [g.numpy() for g in tape.gradient(losses[p], players[p])] for p in losses}


def check_moved_at_once(in_turn, x, before, moves, after):
    """Every player took a step of SGD by a gradient from before any of them moved.

    Args:
        in_turn: a twin of the model before the step, which this changes.
        x: the batch.
        before, after: weights by player.
        moves: gradients by player, before the step.
    """
    for player in before:  # w - 0.1 g, both gradients taken before either update
        for w, g, now in zip(before[player], moves[player], after[player], strict=True):
            np.testing.assert_allclose(now, w - 0.1 * g, atol=1e-6)
    # In turn, the generator would answer the discriminator's new weights: another step.
    for variable, value in zip(in_turn.player_variables["discriminator"], after["discriminator"]):
        variable.assign(value)
    others = gradients(in_turn, in_turn.game, x)["generator"]
    assert max(np.abs(a - b).max() for a, b in zip(others, moves["generator"])) > 1e-4
