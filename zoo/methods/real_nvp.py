"""RealNVP: a flow of affine couplings, trained by likelihood, as a WGAN's generator, or both."""

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, Literal

import tensorflow as tf

from zoo import distributions, networks, seeds
from zoo.distributions import flows
from zoo.fields import field, fixed
from zoo.losses import adversarial, likelihood, penalty
from zoo.model import Distribution, GenerativeModel, Losses
from zoo.model.moves import clip_weights
from zoo.networks.coupling import Conditioners, kept_half, layout

_ALPHA = 0.05  # of the logit (Real NVP, section 4.1)


class RealNVP(GenerativeModel):
    """Real NVP: an invertible z = f(x) whose density is exact; f^-1 generates.

    *Use*: an exact likelihood and invertible codes.
    *Game*: by likelihood, max over f of  E_x log p(f(x)) + log |det df/dx|;  as a WGAN, min over f,
        max over critics C of slope at most 1 of  E_x C(x) - E_{p(z)} C(f^-1(z));  or the sum.
    *Players*: critic, unless trained by likelihood alone; generator (the flow), after
        `critic_steps` updates of the critic.
    *Capabilities*: sample, encode, decode, reconstruct (exact), log_prob (exact).
    *Result*: results/real_nvp-*.json.

    Images are first spread over their levels' bins, u = (round(255 x) + noise) / 256, and go
    through logit(alpha + (1 - 2 alpha) u); encode takes the bins' middles. Each scale has couplings
    with checkerboard masks; where height and width are even and another scale is to follow, 2x2
    pixels are then squeezed into channels, couplings with channel masks follow, and half of the
    channels is done. Vectors have couplings of the two halves in turn.

    `latent_dim` is the size of the data. `log_prob` of images is the log of the density of 256 u,
    whose unit is one grey level, so that -log_prob / (D ln 2) is the usual figure of bits per
    dimension. It averages the density over `samples` draws of the noise, one a row by default: in
    the mean a lower bound of the log of the levels' probability, rising with `samples`. Of vectors
    it is the density.

    Reference:
        Dinh, Sohl-Dickstein, Bengio: Density estimation using Real NVP, arXiv 1605.08803, without
        batch normalisation; the comparison of objectives: Danihelka, Lakshminarayanan, Uria,
        Wierstra, Dayan: Comparison of maximum likelihood and GAN-based training of Real NVPs, arXiv
        1705.05263; Arjovsky, Chintala, Bottou: Wasserstein GAN, arXiv 1701.07875, algorithm 1;
        Gulrajani et al., arXiv 1704.00028, algorithm 1; the sum: Grover et al., Flow-GAN, arXiv
        1705.08868. Here all updates of one step see the same minibatch, each with noise of its
        own, and all players have Adam.
    """

    PLAYERS = {"critic": ("critic",), "generator": ("flow",)}
    LOGS = ("nll", "wasserstein")
    DENSITY = "exact"

    objective: Literal["likelihood", "wgan", "wgan_gp", "sum"] = field(
        '"wgan": the critic\'s weights are clipped; "wgan_gp": its slope is penalised; "sum": that '
        'of "wgan_gp" and of `likelihood_weight` times the negative log-likelihood in nats',
        default="likelihood",
    )
    likelihood_weight: float = field('of "sum"', default=1.0, at_least=0, needs="objective=sum")
    critic_steps: int = field(
        "updates of the critic to one of the flow",
        default=5,
        at_least=1,
        needs="objective=wgan|wgan_gp|sum",
    )
    clip_value: float = field(
        'largest size of the critic\'s weights with "wgan"',
        default=0.01,
        above=0,
        needs="objective=wgan",
    )
    penalty_weight: float = field(
        'of the critic\'s slope with "wgan_gp" and "sum"',
        default=10.0,
        at_least=0,
        needs="objective=wgan_gp|sum",
    )
    scales: int = field(
        "of images; each but the first halves height and width, so fewer where these get odd",
        default=3,
        at_least=1,
    )
    couplings: int = field(
        "layers with checkerboard masks, and as many with channel masks, a scale; one more of the "
        "former at the last scale, without the latter; vectors have 2 scales x couplings layers",
        default=3,
        at_least=1,
    )
    hidden_units: int = field(
        "maps of each coupling's hidden convolutions, or units of its dense layers",
        default=32,
        at_least=1,
    )
    blocks: int = field("residual blocks of each coupling's network", default=1, at_least=0)
    latent_dim = fixed(None)
    learning_rate = 1e-3
    beta_1 = 0.9

    @property
    def players(self) -> dict[str, tuple[str, ...]]:
        if self.adversarial:
            return self.PLAYERS
        return {"generator": self.PLAYERS["generator"]}

    @property
    def phase_logs(self) -> tuple[str, ...]:
        playing = {"nll": self.likely, "wasserstein": self.adversarial}
        return tuple(name for name in self.LOGS if playing[name])

    def make_networks(self) -> None:
        self.latent_dim = math.prod(self.image_shape)
        self.layout = layout(self.image_shape, self.scales, self.couplings)
        masks = [mask for scale in self.layout for part in scale for mask in part]
        flow = Conditioners(
            [mask.shape for mask in masks],
            halves=[kept_half(mask) for mask in masks],
            units=self.hidden_units,
            blocks=self.blocks,
            init_stddev=self.init_stddev,
            init_seed=self.init_seed("flow"),
            dtype=self.dtype_policy,
            name="flow",
        )
        self.add_network("flow", flow)
        if self.adversarial:
            self.make("critic", self.image_shape, like="discriminator")
            plain = not self.penalised or not networks.couples_rows(self.critic)
            expected = (
                f"a critic whose rows do not mix (no batch normalisation) for {self.objective!r}"
            )
            self.require(plain, "network", expected)

    # --- objectives -------------------------------------------------------------------------------

    @property
    def likely(self) -> bool:
        """Whether the flow ascends the log-likelihood."""
        return self.objective in ("likelihood", "sum")

    @property
    def adversarial(self) -> bool:
        """Whether there is a critic."""
        return self.objective != "likelihood"

    @property
    def penalised(self) -> bool:
        """Whether the critic's slope is held by a penalty."""
        return self.objective in ("wgan_gp", "sum")

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        x = self.as_batch(data)["x"]
        for _ in range(self.critic_steps if self.adversarial else 0):
            self.play(self.critic_phase, x, after=None if self.penalised else self.clip_critic)
        self.play(self.generator_phase, x)
        return self.report()

    def critic_phase(self, x: tf.Tensor) -> Losses:
        """C(f^-1(z)) - C(x) + lambda (|grad C| - 1)^2  (WGAN-GP, algorithm 1)."""
        u, u_p = self.dequantise(x), tf.stop_gradient(self.generate(x))
        # Population statistics, where there are some, are those of data.
        scores, scores_p = self.apply_each("critic", (u,), (u_p,), together=False, population=1)
        loss = adversarial.wasserstein_critic(scores, scores_p)
        self.log(wasserstein=-loss)
        if self.penalised:
            critic = functools.partial(self.apply, "critic")
            mix = self.draw(distributions.uniform(1, low=0.0), "mix", batch_of=x)[:, 0]
            loss += self.penalty_weight * penalty.gradient_penalty(critic, u, u_p, mix)
        return {"critic": loss}

    def generator_phase(self, x: tf.Tensor) -> Losses:
        """-log p(f(x)) - log |det df/dx|  (Real NVP, equation 3), or -C(f^-1(z)), or the sum."""
        loss = tf.zeros(tf.shape(x)[:1])
        if self.adversarial:
            samples = self.generate(x)
            with self.statistics_kept():
                loss += adversarial.wasserstein_generator(self.apply("critic", samples))
        if self.likely:
            nll = -self.log_density(self.dequantise(x))
            self.log(nll=nll)
            loss += nll * (self.likelihood_weight if self.adversarial else 1.0)
        return {"generator": loss}

    def clip_critic(self) -> None:
        """Every weight of the critic into [-clip_value, clip_value]."""
        clip_weights(self.critic, self.clip_value)

    def generate(self, x: tf.Tensor) -> tf.Tensor:
        """As many samples as x has rows, before they are made images."""
        return self.bijector().inverse(self.draw(self.prior, "z", batch_of=x))

    def dequantise(self, x: tf.Tensor) -> tf.Tensor:
        """u of images, with noise; vectors as they are."""
        if not self.on_images:
            return x
        noise = distributions.uniform(self.image_shape, low=0.0)
        return flows.dequantised(x, self.draw(noise, "dequantise", batch_of=x))

    # --- the flow ---------------------------------------------------------------------------------

    @property
    def on_images(self) -> bool:
        return len(self.image_shape) == 3

    def bijector(self, scale: int = 0, index: Iterator[int] | None = None) -> Any:
        """f from a scale on, dequantised images (or vectors) to codes [B, D], for one call."""
        index = itertools.count() if index is None else index
        coupling = lambda mask: flows.coupling(self.conditioner(next(index)), mask)
        before, after = self.layout[scale]
        steps = [coupling(mask) for mask in before]
        if after:
            steps += [flows.squeeze(), *map(coupling, after)]
            rest = self.bijector(scale + 1, index)
            steps.append(flows.factor_out(rest, after[0].shape))
        else:
            steps.append(flows.flatten(before[0].shape))
        if scale == 0 and self.on_images:
            steps.insert(0, flows.logit(_ALPHA))
        return flows.chain(steps)

    def conditioner(self, index: int) -> Callable[[tf.Tensor], tf.Tensor]:
        """The network of a coupling layer."""
        return functools.partial(self.apply, "flow", index=index)

    def log_density(self, u: tf.Tensor) -> tf.Tensor:
        """log p of 256 u for images, of vectors as they are, [B] nats (Real NVP, equation 3)."""
        flow = self.bijector()
        log_prob = self.prior.log_prob(flow.forward(u))
        log_prob += flow.forward_log_det_jacobian(u, len(self.image_shape))
        unit = math.log(distributions.LEVELS) if self.on_images else 0.0
        return log_prob - self.latent_dim * unit

    @property
    def dequantises(self) -> bool:
        return self.on_images

    def log_prob_rows(
        self, x: tf.Tensor, seeds_: tf.Tensor, y: None = None, samples: int = 1
    ) -> tf.Tensor:
        """log 1/k sum_k p(u_k), [B] nats, in units of one grey level for images."""
        with self.inference():
            if not self.on_images:
                return self.log_density(x)
            shape = [samples, *self.image_shape]
            noise = distributions.noise_rows(seeds_, "dequantise", shape, "uniform")
            u = flows.dequantised(x[:, None], noise)
            log_prob = self.log_density(tf.reshape(u, [-1, *self.image_shape]))
            return likelihood.iwae_bound(tf.reshape(log_prob, [-1, samples]))

    def posterior(self, x: tf.Tensor) -> Distribution:
        """q(z|x), the point f(x), of the middles of the pixels' bins."""
        u = flows.dequantised(x, 0.5) if self.on_images else x
        return distributions.deterministic(self.bijector().forward(u))

    def dequantised_codes(self, x: tf.Tensor, seed: int = 0) -> tf.Tensor:
        """f of images with their noise, [B, D]: what likelihood makes draws of N(0, I)."""
        with self.inference():
            rows = seeds.row_seeds(len(x), seed)
            noise = distributions.noise_rows(rows, "dequantise", self.image_shape, "uniform")
            return self.bijector().forward(flows.dequantised(x, noise))

    def likelihood(self, z: tf.Tensor) -> Distribution:
        """p(x|z), the point f^-1(z)."""
        u = self.bijector().inverse(z)
        return distributions.deterministic(flows.quantised(u) if self.on_images else u)
