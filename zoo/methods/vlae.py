"""VLAE: the variational lossy autoencoder."""

from typing import Literal

from zoo import distributions
from zoo.methods.pixel_vae import PixelVAE
from zoo.networks import MADE


class VLAE(PixelVAE):
    """PixelVAE with a near-sighted decoder and a learned prior: z keeps what is not local.

    *Game*: PixelVAE's, with p(z) an autoregressive flow of Gaussian noise,
        e_i = (z_i - m_i(z_1, ..., z_{i-1})) / s_i(z_1, ..., z_{i-1}), and p(x_i | z, a window).
    *Players*: model (encoder, masked network, the decoder that spreads z, the flow's networks).
    *Capabilities*: sample, encode, decode, reconstruct (a draw), log_prob (a lower bound).
    *Result*: results/vlae-*.json.

    Args:
        latent_dim: dimensions of z, >= 1.
        prior_flows: autoregressive maps in a row, each in the other order, >= 1.
        prior_units: of a flow's two hidden layers, >= 1.
        kl: "monte_carlo", as the flow has no closed form.
        pixel_layers: few, so that z and not the pixels before tells of the whole, >= 1.
        pixel_kernel: height and width of a layer's window, odd, >= 3.
        conditioning: see PixelVAE.
        **pixel_vae: see `zoo.methods.pixel_vae.PixelVAE`.

    Reference:
        Chen, Kingma, Salimans, Duan, Dhariwal, Schulman, Sutskever, Abbeel: Variational lossy
        autoencoder, arXiv 1611.02731, sections 3.1 and 3.2.
    """

    PLAYERS = {"model": ("encoder", "pixels", "decoder", "flow")}

    def __init__(
        self,
        *,
        latent_dim: int = 32,
        prior_flows: int = 2,
        prior_units: int = 128,
        kl: Literal["monte_carlo"] = "monte_carlo",
        pixel_layers: int = 2,
        pixel_kernel: int = 3,
        conditioning: Literal["invariant", "dependent"] = "dependent",
        **pixel_vae,
    ):
        super().__init__(
            latent_dim=latent_dim,
            prior_flows=prior_flows,
            prior_units=prior_units,
            kl=kl,
            pixel_layers=pixel_layers,
            pixel_kernel=pixel_kernel,
            conditioning=conditioning,
            **pixel_vae,
        )

    @property
    def players(self):
        flows = [f"flow_{i}" for i in range(self.prior_flows)]
        return {"model": (*super().players["model"], *flows)}

    def make_networks(self):
        super().make_networks()
        for i in range(self.prior_flows):
            role = f"flow_{i}"
            options = {"init_seed": self.init_seed(role), "dtype": self.dtype_policy, "name": role}
            self.add_network(role, MADE(self.prior_units, **options), (self.latent_dim,))

    @property
    def prior(self):
        """p(z): noise through the flows."""
        flows = [(lambda z, role=f"flow_{i}": self.apply(role, z)) for i in range(self.prior_flows)]
        return distributions.autoregressive_flow(flows, self.latent_dim)
