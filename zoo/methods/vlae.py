"""VLAE: the variational lossy autoencoder."""

from zoo import distributions
from zoo.fields import field, fixed
from zoo.methods.pixel_vae import PixelVAE
from zoo.model import Distribution
from zoo.networks import MADE


class VLAE(PixelVAE):
    """PixelVAE with a near-sighted decoder and a learned prior: z keeps what is not local.

    *Use*: codes that keep global structure; a likelihood.
    *Game*: PixelVAE's, with p(z) an autoregressive flow of Gaussian noise,
        e_i = (z_i - m_i(z_1, ..., z_{i-1})) / s_i(z_1, ..., z_{i-1}), and p(x_i | z, a window).
    *Players*: model (encoder, masked network, the decoder that spreads z, the flow's networks).
    *Capabilities*: sample, encode, decode, reconstruct (a draw), log_prob (a lower bound).
    *Result*: results/vlae-*.json.

    Layers are few and windows small, so that z and not the pixels before tells of the whole.

    Reference:
        Chen, Kingma, Salimans, Duan, Dhariwal, Schulman, Sutskever, Abbeel: Variational lossy
        autoencoder, arXiv 1611.02731, sections 3.1 and 3.2.
    """

    PLAYERS = {"model": ("encoder", "pixels", "decoder", "flow")}

    prior_flows: int = field(
        "autoregressive maps in a row, each in the other order", default=2, at_least=1
    )
    prior_units: int = field("units of a flow's two hidden layers", default=128, at_least=1)
    latent_dim = 32
    kl = fixed("monte_carlo")  # the flow has no closed form
    pixel_layers = 2
    pixel_kernel = 3
    conditioning = "dependent"

    @property
    def players(self) -> dict[str, tuple[str, ...]]:
        flows = [f"flow_{i}" for i in range(self.prior_flows)]
        return {"model": (*super().players["model"], *flows)}

    def make_networks(self) -> None:
        super().make_networks()
        for i in range(self.prior_flows):
            role = f"flow_{i}"
            options = {"init_seed": self.init_seed(role), "dtype": self.dtype_policy, "name": role}
            self.add_network(role, MADE(self.prior_units, **options), (self.latent_dim,))

    @property
    def prior(self) -> Distribution:
        """p(z): noise through the flows."""
        flows = [(lambda z, role=f"flow_{i}": self.apply(role, z)) for i in range(self.prior_flows)]
        return distributions.autoregressive_flow(flows, self.latent_dim)
