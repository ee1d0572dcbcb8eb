"""BiGAN: ALI with a deterministic encoder and a uniform prior."""

from zoo.methods.ali import ALI


class BiGAN(ALI):
    """Bidirectional GAN: data and codes of a deterministic encoder against samples and their codes.

    *Use*: features without labels from a plain encoder.
    *Game*: min over E and G, max over D of
        E_x log D(x, E(x)) + E_z log(1 - D(G(z), z)), z ~ U(-1, 1), played as ALI's.
    *Players*: discriminator; generator (encoder and decoder), both updated at once.
    *Capabilities*: sample, encode, decode, reconstruct, classify (with
        `label_use="classify"`).
    *Result*: results/bigan-*.json.

    The paper's networks are the table `bigan_mlp`: its discriminator adds a learned linear map of z
    before every non-linearity.

    Reference:
        Donahue, Krahenbuhl, Darrell: Adversarial feature learning, arXiv 1605.09782, equation 3.
    """

    TOGETHER = False  # D has batch statistics of each joint (authors' code)

    encoder_output = "deterministic"
    prior_family = "uniform"
