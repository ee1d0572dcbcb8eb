"""Losses of two-player games on logits: positive logits mean "data", or the encoder's joint.

With D = sigmoid(logits): -log D = softplus(-logits) and -log(1 - D) = softplus(logits). The scores
of a Wasserstein critic are not logits: only their differences mean something.
"""

import tensorflow as tf

from zoo.losses import ratio

_GAN, _WASSERSTEIN = ratio.LOSSES["bernoulli"], ratio.LOSSES["wasserstein"]


def discriminator(logits_data: tf.Tensor, logits_model: tf.Tensor, *others: tf.Tensor) -> tf.Tensor:
    """-log D(data) - log(1 - D(model)), [B] nats; 2 log 2 at logits 0.

    Args:
        logits_data: [B], of data (or of the encoder's joint).
        logits_model: [B], of samples (or of the decoder's joint).
        *others: [B], of what else the model makes, such as samples beside reconstructions; each
            adds a -log(1 - D).

    Returns:
        [B].

    Reference: Goodfellow et al., Generative adversarial nets, arXiv 1406.2661, equation 1.
    """
    return _GAN.discriminator(logits_data, logits_model) + sum(map(tf.nn.softplus, others))


def minimax_generator(logits_model: tf.Tensor) -> tf.Tensor:
    """log(1 - D(model)), [B] nats: the generator's side of the game; dies as D wins.

    Reference: Goodfellow et al., arXiv 1406.2661, equation 1.
    """
    return _GAN.generator(logits_model, "minimax")


def non_saturating_generator(logits_model: tf.Tensor) -> tf.Tensor:
    """-log D(model), [B] nats: the same fixed point, alive where the minimax gradient vanishes.

    Reference: Goodfellow et al., arXiv 1406.2661, section 3, last paragraph.
    """
    return _GAN.generator(logits_model, "non_saturating")


def swapped_generator(logits_q: tf.Tensor, logits_p: tf.Tensor) -> tf.Tensor:
    """-log(1 - D(x, z_q)) - log D(x_p, z_p), [B] nats: encoder and decoder with the labels swapped.

    Reference: Dumoulin et al., ALI, arXiv 1606.00704, section 2.3 and algorithm 1.
    """
    return discriminator(logits_p, logits_q)


def accuracies(logits_data: tf.Tensor, logits_model: tf.Tensor) -> dict[str, tf.Tensor]:
    """What to watch of a discriminator: its share of right decisions on each side, [B] of 0 and 1.

    Both are near 1/2 at equilibrium.
    """
    return {
        "discriminator_accuracy_data": tf.cast(logits_data > 0, tf.float32),
        "discriminator_accuracy_model": tf.cast(logits_model <= 0, tf.float32),
    }


def log_ratio_generator(logits_model: tf.Tensor) -> tf.Tensor:
    """-log D(model) + log(1 - D(model)) = -logits, [B] nats: an estimate of log(model / data).

    At the optimal D its mean over the model is KL(model || data), whatever the two densities are.

    Reference: Mohamed and Lakshminarayanan, arXiv 1610.03483, section 3.1; Rosca et al., alpha-GAN,
        arXiv 1706.04987, equations 12 and 14.
    """
    return _GAN.generator(logits_model, "ratio")


def wasserstein_critic(critic_data: tf.Tensor, critic_model: tf.Tensor) -> tf.Tensor:
    """C(model) - C(data), [B]: minus an estimate of the Wasserstein distance, for a critic C.

    Args:
        critic_data: [B], scores of data.
        critic_model: [B], scores of samples.

    Returns:
        [B].

    Reference: Arjovsky et al., Wasserstein GAN, arXiv 1701.07875, equation 3 and algorithm 1.
    """
    return _WASSERSTEIN.discriminator(critic_data, critic_model)


def wasserstein_generator(critic_model: tf.Tensor) -> tf.Tensor:
    """-C(model), [B]: the generator's side.

    Reference: Arjovsky et al., arXiv 1701.07875, algorithm 1.
    """
    return _WASSERSTEIN.generator(critic_model, "minimax")
