"""ALI as one would write it in PyTorch, for images of 28x28 and of 8x8."""

from collections.abc import Iterator

from peers.torch_base import (
    Losses,
    Noise,
    Twin,
    Untied,
    conv,
    deconv,
    leaky,
    nn,
    normed,
    softplus,
    torch,
)


class ALI(Twin):
    """ALI with the networks of table ali_mnist: both players' gradients from one pass."""

    def make(self) -> dict[str, nn.Module]:
        dropped = lambda: nn.Dropout(0.2)
        self.encoder = nn.Sequential(
            *normed(conv(1, 32, 5, 2), leaky(0.1)),
            *normed(conv(32, 64, 5, 2), leaky(0.1)),
            *normed(nn.Conv2d(64, 256, 7, bias=False), leaky(0.1)),
            nn.Flatten(),
            *normed(nn.Linear(256, 256, bias=False), leaky(0.1)),
            nn.Linear(256, 2 * self.d),
        )
        self.decoder = nn.Sequential(
            *normed(nn.Linear(self.d, 256, bias=False), leaky(0.1)),
            *normed(nn.Linear(256, 3136, bias=False), leaky(0.1)),
            nn.Unflatten(1, (64, 7, 7)),
            *normed(deconv(64, 32, 5), leaky(0.1)),
            deconv(32, 1, 5),
            Untied(),
            nn.Sigmoid(),
        )
        self.of_x = nn.Sequential(
            Noise(),
            *(conv(1, 32, 5, 2, bias=True), leaky(0.1), dropped()),
            *(conv(32, 64, 5, 2, bias=True), leaky(0.1), dropped()),
            *(nn.Conv2d(64, 256, 7), leaky(0.1), nn.Flatten()),
        )
        self.of_z = nn.Sequential(
            *(dropped(), nn.Linear(self.d, 256), leaky(0.1)),
            *(dropped(), nn.Linear(256, 256), leaky(0.1)),
        )
        self.joint = nn.Sequential(
            *(dropped(), nn.Linear(512, 512), leaky(0.1)),
            *(dropped(), nn.Linear(512, 512), leaky(0.1)),
            *(dropped(), nn.Linear(512, 1)),
        )
        return {
            "discriminator": nn.ModuleList([self.of_x, self.of_z, self.joint]),
            "generator": nn.ModuleList([self.encoder, self.decoder]),
        }

    def phases(self) -> Iterator[Losses]:
        loc, log_scale = self.encoder(self.x).chunk(2, -1)
        z_q, z_p = loc + log_scale.exp() * torch.randn_like(loc), torch.randn_like(loc)
        x_p = self.decoder(z_p)
        trunks = [self.of_x(torch.cat([self.x, x_p])), self.of_z(torch.cat([z_q, z_p]))]
        of_q, of_p = self.joint(torch.cat(trunks, -1)).chunk(2)
        yield {
            "discriminator": (softplus(-of_q) + softplus(of_p)).mean(),
            "generator": (softplus(of_q) + softplus(-of_p)).mean(),
        }


class ALIDigits(ALI):
    """The same with the networks of table ali_digits."""

    def make(self) -> dict[str, nn.Module]:
        dropped = nn.Dropout
        self.encoder = nn.Sequential(
            *normed(conv(1, 32, 3), leaky(0.1)),
            *normed(conv(32, 64, 4, 2), leaky(0.1)),
            nn.Flatten(),
            *normed(nn.Linear(1024, 256, bias=False), leaky(0.1)),
            nn.Linear(256, 2 * self.d),
        )
        self.decoder = nn.Sequential(
            *normed(nn.Linear(self.d, 256, bias=False), leaky(0.1)),
            *normed(nn.Linear(256, 1024, bias=False), leaky(0.1)),
            nn.Unflatten(1, (64, 4, 4)),
            *normed(nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False), leaky(0.1)),
            conv(32, 1, 3),
            Untied(8),
            nn.Sigmoid(),
        )
        self.of_x = nn.Sequential(
            *(dropped(0.1), conv(1, 32, 3, bias=True), leaky(0.1)),
            *(dropped(0.2), conv(32, 64, 4, 2, bias=True), leaky(0.1)),
            *(nn.Flatten(), dropped(0.2), nn.Linear(1024, 256), leaky(0.1)),
        )
        self.of_z = nn.Sequential(
            *(dropped(0.1), nn.Linear(self.d, 256), leaky(0.1)),
            *(dropped(0.2), nn.Linear(256, 256), leaky(0.1)),
        )
        self.joint = nn.Sequential(
            *(dropped(0.2), nn.Linear(512, 256), leaky(0.1)),
            *(dropped(0.2), nn.Linear(256, 256), leaky(0.1)),
            nn.Linear(256, 1),
        )
        return {
            "discriminator": nn.ModuleList([self.of_x, self.of_z, self.joint]),
            "generator": nn.ModuleList([self.encoder, self.decoder]),
        }
