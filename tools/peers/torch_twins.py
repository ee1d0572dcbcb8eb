"""A case as one would write it in PyTorch.

    python tools/peers/torch_twins.py CASE THREADS [cpu|gpu] [PRECISION]

Layers and losses are those of the zoo's networks, eager, with fused Adam. Of the two layouts of
images the faster one is used, part by part.
"""

import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from peers import cases, loop
from peers.torch_ali import ALI, ALIDigits
from peers.torch_base import (
    IMPORTED,
    Losses,
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


class VAE(Twin):
    """A Bernoulli VAE with the networks of table vae_mnist."""

    betas = (0.9, 0.999)

    def make(self) -> dict[str, nn.Module]:
        self.encoder = nn.Sequential(
            *normed(conv(1, 32, 5, 2), leaky(0.1)),
            *normed(conv(32, 64, 5, 2), leaky(0.1)),
            *normed(conv(64, 64, 3), leaky(0.1)),
            nn.Flatten(),
            *normed(nn.Linear(3136, 512, bias=False), leaky(0.1)),
            nn.Linear(512, 2 * self.d),
        )
        self.decoder = nn.Sequential(
            *normed(nn.Linear(self.d, 512, bias=False), leaky(0.1)),
            *normed(nn.Linear(512, 3136, bias=False), leaky(0.1)),
            nn.Unflatten(1, (64, 7, 7)),
            *normed(conv(64, 64, 3), leaky(0.1)),
            *normed(deconv(64, 32, 5), leaky(0.1)),
            deconv(32, 1, 5),
            Untied(),
        )
        return {"model": nn.ModuleList([self.encoder, self.decoder])}

    def phases(self) -> Iterator[Losses]:
        loc, log_scale = self.encoder(self.x).chunk(2, -1)
        scale = log_scale.exp()
        logits = self.decoder(loc + scale * torch.randn_like(loc))
        nll = nn.functional.binary_cross_entropy_with_logits(logits, self.x, reduction="none")
        kl = 0.5 * (loc**2 + scale**2 - 1.0) - log_scale
        yield {"model": (nll.sum((1, 2, 3)) + kl.sum(1)).mean()}


class WideVAE(VAE):
    """The same with four convolutions of 128 to 1024 maps, and back."""

    def make(self) -> dict[str, nn.Module]:
        relu = nn.ReLU(inplace=True)
        widths = (1, *cases.WIDE)
        self.encoder = nn.Sequential()
        for inner, outer in zip(widths, widths[1:]):
            pad = 2 if outer == 512 else 1  # 7 becomes 4, not 3
            linear = nn.Conv2d(inner, outer, 4, 2, 0, bias=False)
            self.encoder.extend([nn.ZeroPad2d((1, pad, 1, pad)), *normed(linear, relu)])
        self.encoder.extend([nn.Flatten(), nn.Linear(4096, 2 * self.d)])
        self.decoder = nn.Sequential(
            nn.Linear(self.d, 16384),
            nn.Unflatten(1, (1024, 4, 4)),
            *normed(deconv(1024, 512, 3, odd=True), relu),
            *normed(deconv(512, 256, 3), relu),
            deconv(256, 1, 3, bias=True),
        )
        return {"model": nn.ModuleList([self.encoder, self.decoder])}


class GAN(Twin):
    """The non-saturating GAN with the networks of table gan_mnist."""

    critic_steps = 1

    def make(self) -> dict[str, nn.Module]:
        relu = nn.ReLU(inplace=True)
        self.generator = nn.Sequential(
            *normed(nn.Linear(self.d, 2048, bias=False), relu),
            nn.Unflatten(1, (128, 4, 4)),
            *normed(deconv(128, 64, 5, odd=True), relu),
            *normed(deconv(64, 32, 5), relu),
            deconv(32, 1, 5, bias=True),
            nn.Sigmoid(),
        )
        self.discriminator = nn.Sequential(
            conv(1, 32, 5, 2, bias=True),
            leaky(0.2),
            conv(32, 64, 5, 2, bias=True),
            leaky(0.2),
            conv(64, 128, 5, 2, bias=True),
            leaky(0.2),
            nn.Flatten(),
            nn.Linear(2048, 1),
        )
        return {"discriminator": self.discriminator, "generator": self.generator}

    def generate(self) -> torch.Tensor:
        """A batch of samples."""
        return self.generator(torch.randn(cases.BATCH, self.d))

    def phases(self) -> Iterator[Losses]:
        for _ in range(self.critic_steps):
            yield self.discriminator_losses()
        yield {"generator": self.fooling(self.discriminator(self.generate()))}

    def discriminator_losses(self) -> Losses:
        """-log D(x) - log(1 - D(G(z))), the generator untouched."""
        with torch.no_grad():
            x_p = self.generate()
        of_data, of_model = self.discriminator(torch.cat([self.x, x_p])).chunk(2)
        return {"discriminator": (softplus(-of_data) + softplus(of_model)).mean()}

    def fooling(self, of_model: torch.Tensor) -> torch.Tensor:
        """The generator's loss, -log D(G(z)), of the logits of samples."""
        return softplus(-of_model).mean()


class WGANGP(GAN):
    """WGAN-GP with the same networks: `critic_steps` updates of the critic to one of G."""

    betas = (0.5, 0.9)
    critic_steps = 5

    def discriminator_losses(self) -> Losses:
        """The critic's: samples less data, plus 10 (|grad D| - 1)^2 between the two."""
        with torch.no_grad():
            x_p = self.generate()
        of_data, of_model = self.discriminator(torch.cat([self.x, x_p])).chunk(2)
        mix = torch.rand(cases.BATCH, 1, 1, 1)
        between = (mix * self.x + (1.0 - mix) * x_p).requires_grad_()
        total = self.discriminator(between).sum()
        (slope,) = torch.autograd.grad(total, between, create_graph=True)
        penalty = ((slope.square().sum((1, 2, 3)) + 1e-12).sqrt() - 1.0).square()
        return {"discriminator": (of_model - of_data).mean() + 10.0 * penalty.mean()}

    def fooling(self, of_model: torch.Tensor) -> torch.Tensor:
        """The generator's loss, minus the mean score of samples."""
        return -of_model.mean()

    def critic(self) -> None:
        """One update of the critic."""
        with self.cast():
            self.apply(self.discriminator_losses())


class Conditioner(nn.Module):
    """Log scale and shift of one coupling."""

    def __init__(self) -> None:
        super().__init__()
        (dimensions,) = cases.CASES["real_nvp"].shape
        self.first = nn.Linear(dimensions, cases.UNITS)
        self.inner = nn.Linear(cases.UNITS, cases.UNITS)
        self.outer = nn.Linear(cases.UNITS, cases.UNITS)
        self.last = nn.Linear(cases.UNITS, 2 * dimensions)
        self.bound = nn.Parameter(torch.ones(dimensions))

    def forward(self, kept: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        hidden = self.first(kept)
        hidden = hidden + self.outer(self.inner(hidden.relu()).relu())
        log_scale, shift = self.last(hidden.relu()).chunk(2, -1)
        return self.bound * log_scale.tanh(), shift


class RealNVP(Twin):
    """Affine couplings of vectors, by likelihood."""

    betas = (0.9, 0.999)

    def make(self) -> dict[str, nn.Module]:
        (dimensions,) = cases.CASES["real_nvp"].shape
        first = (torch.arange(dimensions) < dimensions // 2).float()
        self.masks = [1.0 - first if i % 2 else first for i in range(cases.COUPLINGS)]
        self.couplings = nn.ModuleList([Conditioner() for _ in self.masks])
        return {"generator": self.couplings}

    def phases(self) -> Iterator[Losses]:
        u, log_det = self.x, torch.zeros(cases.BATCH)
        for mask, conditioner in zip(self.masks, self.couplings):
            log_scale, shift = conditioner(mask * u)
            log_scale, shift = (1.0 - mask) * log_scale, (1.0 - mask) * shift
            u, log_det = u * log_scale.exp() + shift, log_det + log_scale.sum(1)
        log_prob = torch.distributions.Normal(0.0, 1.0).log_prob(u).sum(1)
        yield {"generator": -(log_prob + log_det).mean()}

    @torch.no_grad()
    def sample(self) -> torch.Tensor:
        """A batch of samples, by the inverse of all couplings."""
        u = torch.randn(self.x.shape)
        for mask, conditioner in zip(self.masks[::-1], reversed(self.couplings)):
            log_scale, shift = conditioner(mask * u)
            u = (u - (1.0 - mask) * shift) * (-(1.0 - mask) * log_scale).exp()
        return u


class PixelLayer(nn.Module):
    """One layer of the vertical and the horizontal stack."""

    def __init__(self, first: bool) -> None:
        super().__init__()
        kernel = cases.PIXEL_FIRST if first else cases.PIXEL_KERNEL
        maps, depth = cases.PIXEL_MAPS, 2 if first else cases.PIXEL_MAPS
        self.first, self.before = first, kernel // 2
        taps = self.before + (not first)
        self.v = nn.Conv2d(depth, 2 * maps, (taps, kernel))
        self.h = nn.Conv2d(depth, 2 * maps, (1, taps), bias=False)
        self.u = nn.Conv2d(maps, 2 * maps, 1)
        self.w = nn.Conv2d(maps, maps, 1)

    def forward(self, v: torch.Tensor, h: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        before, pad = self.before, nn.functional.pad
        above, left = (v[:, :, :-1], h[..., :-1]) if self.first else (v, h)
        gate = gated(self.v(pad(above, (before, before, before, 0))))
        v = gate if self.first else v + gate
        gate = self.w(gated(self.h(pad(left, (before, 0, 0, 0))) + self.u(v)))
        return v, gate if self.first else h + gate


def gated(a: torch.Tensor) -> torch.Tensor:
    """tanh of one half of the maps times the sigmoid of the other."""
    a, b = a.chunk(2, 1)
    return a.tanh() * b.sigmoid()


class PixelCNN(Twin):
    """A gated PixelCNN of binary pixels."""

    betas = (0.9, 0.999)

    def make(self) -> dict[str, nn.Module]:
        self.x = (self.x > 0.5).float()
        self.layers = nn.ModuleList([PixelLayer(i == 0) for i in range(cases.PIXEL_LAYERS)])
        maps = cases.PIXEL_MAPS
        self.head = nn.Sequential(
            *(nn.ReLU(), nn.Conv2d(maps, 2 * maps, 1)),
            *(nn.ReLU(), nn.Conv2d(2 * maps, 1, 1)),
        )
        return {"model": nn.ModuleList([self.layers, self.head])}

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """Of every pixel given those before it."""
        v = h = torch.cat([2.0 * x - 1.0, torch.ones_like(x)], 1)
        for layer in self.layers:
            v, h = layer(v, h)
        return self.head(h)

    def phases(self) -> Iterator[Losses]:
        each = nn.functional.binary_cross_entropy_with_logits(
            self.logits(self.x), self.x, reduction="none"
        )
        yield {"model": each.sum((1, 2, 3)).mean()}

    @torch.no_grad()
    def sample(self) -> torch.Tensor:
        """Images, pixel by pixel: one pass of the whole network each."""
        x = torch.zeros(cases.DRAWN, 1, 28, 28)
        for row in range(28):
            for column in range(28):
                probability = self.logits(x)[:, 0, row, column].sigmoid()
                x[:, 0, row, column] = torch.bernoulli(probability)
        return x


TWINS = {
    "vae": VAE,
    "vae_wide": WideVAE,
    "gan": GAN,
    "ali": ALI,
    "ali_digits": ALIDigits,
    "wgan_gp": WGANGP,
    "real_nvp": RealNVP,
    "pixel_cnn": PixelCNN,
}


def faster(name: str, part: str, first: Twin, other: Callable[[], Twin]) -> Callable[[], Any]:
    """A part in the layout of images that a few calls find faster, chosen when it is first run."""
    chosen: list[Callable[[], Any]] = []

    def call() -> Any:
        if not chosen:
            tried = [getattr(first, part)]
            if first.image and part != "sample":
                tried.append(getattr(other(), part))
                for each in tried:
                    each()
            took = lambda each: len(tried) > 1 and loop.timed(each, 1.0, settle)["seconds"]
            chosen.append(min(tried, key=took))
        return chosen[0]()

    return call


def settle() -> None:
    """Returns when the GPU, if that is where it computes, has done what it was given."""
    if torch.get_default_device().type == "cuda":
        torch.cuda.synchronize()


def main(name: str, threads: str, device: str = "cpu", precision: str = "float32") -> None:
    """Serves a case."""
    torch.set_num_threads(int(threads))
    where = "a CPU"
    if device == "gpu":
        if not torch.cuda.is_available():
            print("Invalid `device`: expected cpu, as PyTorch finds no GPU.", file=sys.stderr)
            sys.exit(2)
        torch.set_default_device("cuda")
        torch.backends.cudnn.benchmark = True
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        where = torch.cuda.get_device_name()
    make = lambda layout: TWINS[name](name, layout, precision)
    twin = make(torch.channels_last)
    count = {player: sum(w.numel() for w in each) for player, each in twin.weights.items()}
    twin.step()
    settle()
    described = {"parameters": count, "import_seconds": IMPORTED, "device": where}
    described["library"] = f"PyTorch {torch.__version__}"
    other = lambda: make(torch.contiguous_format)
    parts = {part: faster(name, part, twin, other) for part in cases.CASES[name].parts}
    loop.serve(described, parts, {"losses": twin.losses_at_zero}, settle)


if __name__ == "__main__":
    main(*sys.argv[1:])
