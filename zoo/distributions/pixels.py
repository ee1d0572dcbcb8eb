"""Images pixel by pixel: p(x) = prod_i p(x_i | x_1, ..., x_{i-1}), channels in their order.

A family says what one pixel is, given what a network (`zoo.networks.masked.PixelStack`) says of it;
`Autoregressive` is the distribution of whole images.
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NoReturn, Protocol

import tensorflow as tf

from zoo.distributions.discretised import LEVELS, DiscretisedLogistic, logistic_scale
from zoo.distributions.implicit import Implicit, inside
from zoo.distributions.randomness import category

Head = Callable[[int, tf.Tensor], tf.Tensor]  # (index, x [B, C]) -> its outputs, [B, P]

_XLA = contextvars.ContextVar("xla", default=True)


@contextlib.contextmanager
def without_xla() -> Iterator[None]:
    """Inside, draws are traced operation by operation: an export must run where there is no XLA."""
    token = _XLA.set(False)
    try:
        yield
    finally:
        _XLA.reset(token)


class PixelFamily(Protocol):
    """What a family of one pixel of C channels offers.

    Attributes:
        heads: (channels read, outputs) of each head of the network.
        noise: uniform numbers a pixel needs.
    """

    heads: tuple[tuple[int, int], ...]
    noise: int

    def log_prob(self, outputs: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """Network outputs [..., P] and pixels x [..., C] -> log p, [...] nats."""

    def pick(self, head: Head, noise: tf.Tensor) -> tf.Tensor:
        """The pixels [B, C] that uniform noise [B, noise] stands for."""


class Autoregressive(Implicit):
    """An image's distribution, scored by one pass of a network and drawn pixel by pixel.

    Args:
        family: one of `FAMILIES`, for C channels.
        outputs: callable, x [B, H, W, C] -> what the network says of every pixel, [B, H, W, P].
        sampler: callable `(pick, noise) -> x`, see `PixelStack.sample`.
        batch_size: B, int or scalar tensor.
        image_shape: (H, W, C).

    `log_prob` is that of a probability mass, nats; `mean` raises `NotImplementedError`. XLA
    compiles the loop over pixels: it is fast at many small steps.
    """

    def __init__(
        self,
        family: PixelFamily,
        outputs: Callable[[tf.Tensor], tf.Tensor],
        sampler: Callable[[Callable, tf.Tensor], tf.Tensor],
        batch_size: int | tf.Tensor,
        image_shape: tuple[int, ...],
        name: str = "Autoregressive",
    ) -> None:
        self.family, self.outputs, self.sampler = family, outputs, sampler
        # The noise comes from outside: XLA makes other numbers than the kernels of an export do.
        self._compiled = tf.function(self._loop, autograph=False, jit_compile=True)
        super().__init__(self._drawn, family.noise, batch_size, image_shape, name=name)

    @property
    def noise(self) -> tuple[str, list[int]]:
        """(kind, shape) of the noise of one image."""
        return "uniform", [*self._event[:2], self.noise_dim]

    def within(self, context: Callable[[], AbstractContextManager]) -> "Autoregressive":
        """The same distribution, its networks called inside of `context()`."""
        networks = inside(context, self.outputs), inside(context, self.sampler)
        return Autoregressive(self.family, *networks, self._batch, self._event)

    def _drawn(self, noise: tf.Tensor) -> tf.Tensor:
        return (self._compiled if _XLA.get() else self._loop)(noise)

    def _loop(self, noise: tf.Tensor) -> tf.Tensor:
        return self.sampler(self.family.pick, noise)

    def _log_prob(self, x: tf.Tensor) -> tf.Tensor:
        if x.shape.rank > 4:  # [n, B, ...]: several images a row
            return tf.map_fn(self._log_prob, x)
        each = self.family.log_prob(tf.cast(self.outputs(x), tf.float32), x)  # [B, H, W]
        return tf.reduce_sum(each, axis=[1, 2])

    def _mean(self, **kwargs: Any) -> NoReturn:  # type: ignore[override]  # takes no draws
        raise NotImplementedError("An autoregressive distribution is known by samples, not means.")


# --- one pixel ------------------------------------------------------------------------------------


class Channelwise:
    """Pixels whose channels follow one another, each with a head that reads those before.

    A subclass says what one channel is: `outputs`, `log_prob_of_channel` and `pick_channel`.

    Args:
        channels: C.
        components, levels: unused.
    """

    outputs: int  # a channel

    def __init__(self, channels: int, components: int | None = None, levels: int = LEVELS) -> None:
        self.heads = tuple((channel, self.outputs) for channel in range(channels))
        self.noise = channels

    def log_prob_of_channel(self, outputs: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """Network outputs [..., outputs] and one channel x [...] -> log p, [...] nats."""
        raise NotImplementedError

    def pick_channel(self, outputs: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """The channel [B] that uniform noise [B] stands for, given outputs [B, outputs]."""
        raise NotImplementedError

    def log_prob(self, outputs: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """[..., C outputs], x [..., C] -> [...] nats."""
        outputs = tf.reshape(outputs, tf.concat([tf.shape(x), [self.outputs]], axis=0))
        return tf.reduce_sum(self.log_prob_of_channel(outputs, x), axis=-1)

    def pick(self, head: Head, noise: tf.Tensor) -> tf.Tensor:
        """The pixel [B, C] that uniform noise [B, C] stands for; `head(i, x)` -> [B, outputs]."""
        x = tf.zeros_like(noise)
        drawn: list[tf.Tensor] = []
        for channel, _ in enumerate(self.heads):
            drawn.append(self.pick_channel(head(channel, x), noise[:, channel]))
            x = tf.concat([tf.stack(drawn, axis=-1), noise[:, channel + 1 :]], axis=-1)
        return x


class Bernoulli(Channelwise):
    """Binary channels: one logit each."""

    outputs = 1

    def log_prob_of_channel(self, outputs: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        return -tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=outputs[..., 0])

    def pick_channel(self, outputs: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        return tf.cast(noise < tf.sigmoid(outputs[:, 0]), tf.float32)


class Categorical(Channelwise):
    """Levels 0, 1 / (L - 1), ..., 1 of a channel, in no order: a logit each.

    Args:
        channels: C.
        components: unused.
        levels: L, int >= 2.
    """

    def __init__(self, channels: int, components: int | None = None, levels: int = LEVELS) -> None:
        self.outputs = levels
        super().__init__(channels)

    def log_prob_of_channel(self, outputs: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        level = tf.cast(tf.round(x * (self.outputs - 1)), tf.int32)
        return -tf.nn.sparse_softmax_cross_entropy_with_logits(labels=level, logits=outputs)

    def pick_channel(self, outputs: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        level = category(tf.nn.softmax(outputs), noise[:, None])
        return tf.cast(level, tf.float32) / (self.outputs - 1)


class LogisticMixture:
    """Levels of a channel from a mixture of logistics, whose means move with earlier channels.

        P(x) = sum_k pi_k prod_c P(x_c; mu_kc + sum_{b < c} a_kcb x_b, s_kc),  x in [-1, 1]

    Args:
        channels: C.
        components: of the mixture, int >= 1.
        levels: of x, int >= 2.

    Reference: Salimans et al., PixelCNN++, arXiv 1701.05517, equations 1 to 3.
    """

    def __init__(self, channels: int, components: int, levels: int = LEVELS) -> None:
        self.channels, self.components, self.levels = channels, components, levels
        pairs = channels * (channels - 1) // 2
        self.parts = (1, channels, channels, pairs)  # logit, mu, log s, a of one component
        self.heads: tuple[tuple[int, int], ...] = ((0, components * sum(self.parts)),)
        self.noise = 1 + channels

    def log_prob(self, outputs: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        """[..., P], x [..., C] -> [...] nats."""
        logits, mean, log_scale, slopes = self._split(outputs)
        here = x[..., None, :]  # [..., 1, C]
        loc = tf.stack([self._loc(mean, slopes, here, c) for c in range(self.channels)], axis=-1)
        each = tf.reduce_sum(self._logistic(loc, log_scale).log_prob(here), axis=-1)
        return tf.reduce_logsumexp(tf.nn.log_softmax(logits) + each, axis=-1)

    def pick(self, head: Head, noise: tf.Tensor) -> tf.Tensor:
        """The pixel [B, C] that uniform noise [B, 1 + C] stands for."""
        x = noise[:, 1:]
        logits, *of_components = self._split(head(0, x))
        chosen = category(tf.nn.softmax(logits), noise[:, :1])
        mean, log_scale, slopes = (
            tf.gather(part, chosen, axis=1, batch_dims=1) for part in of_components
        )
        for c in range(self.channels):
            pixel = self._logistic(self._loc(mean, slopes, x, c), log_scale[:, c])
            drawn = pixel.from_uniform(noise[:, 1 + c])
            x = tf.concat([x[:, :c], drawn[:, None], x[:, c + 1 :]], axis=-1)
        return x

    def _split(self, outputs: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """logits [..., K], means and log scales [..., K, C], slopes [..., K, C (C - 1) / 2]."""
        shape = [self.components, sum(self.parts)]
        outputs = tf.reshape(outputs, tf.concat([tf.shape(outputs)[:-1], shape], axis=0))
        logits, *others = tf.split(outputs, self.parts, axis=-1)
        return logits[..., 0], *others

    def _loc(self, mean: tf.Tensor, slopes: tf.Tensor, x: tf.Tensor, c: int) -> tf.Tensor:
        """Means of channel c in [0, 1], given the channels of x before it."""
        first = c * (c - 1) // 2
        slope = tf.tanh(slopes[..., first : first + c])
        moved = tf.reduce_sum(slope * (2.0 * x[..., :c] - 1.0), axis=-1)
        return 0.5 * (mean[..., c] + moved + 1.0)

    def _logistic(self, loc: tf.Tensor, log_scale: tf.Tensor) -> DiscretisedLogistic:
        return DiscretisedLogistic(loc, logistic_scale(log_scale, self.levels), self.levels)


# Each of (channels, components of a mixture, levels).
FAMILIES: dict[str, Callable[..., PixelFamily]] = {
    "bernoulli": Bernoulli,
    "categorical": Categorical,
    "logistic_mixture": LogisticMixture,
}
