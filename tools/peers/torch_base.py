"""What twins in PyTorch share: layers as the zoo's rows name them, players, steps."""

import contextlib
import math
import time
from collections.abc import Iterator

_BEGAN = time.perf_counter()

import torch  # noqa: E402

IMPORTED = time.perf_counter() - _BEGAN  # seconds

from peers import cases  # noqa: E402

nn, softplus = torch.nn, torch.nn.functional.softplus
Losses = dict[str, torch.Tensor]


def leaky(slope: float) -> nn.Module:
    return nn.LeakyReLU(slope, inplace=True)


def normed(linear: nn.Module, activation: nn.Module) -> list[nn.Module]:
    """A linear layer, batch normalisation over its outputs, and a non-linearity."""
    image = not isinstance(linear, nn.Linear)
    width = linear.out_channels if image else linear.out_features
    norm = (nn.BatchNorm2d if image else nn.BatchNorm1d)(width, eps=1e-4)
    return [linear, norm, activation]


def conv(inner: int, outer: int, kernel: int, stride: int = 1, bias: bool = False) -> nn.Module:
    """A convolution that keeps the side, or halves it."""
    return nn.Conv2d(inner, outer, kernel, stride, (kernel - 1) // 2, bias=bias)


def deconv(inner: int, outer: int, kernel: int, odd: bool = False, bias: bool = False) -> nn.Module:
    """A transposed convolution that doubles the side, to one less if `odd`."""
    more = 0 if odd else 1
    return nn.ConvTranspose2d(inner, outer, kernel, 2, (kernel - 1) // 2, more, bias=bias)


class Untied(nn.Module):
    """A bias for each pixel."""

    def __init__(self, side: int = 28) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, side, side))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.bias


class Noise(nn.Module):
    """Normal noise of standard deviation 0.1."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 0.1 * torch.randn_like(x)


class Twin:
    """A model: its players, its losses, and what is timed of it.

    A subclass makes its networks in `make`, as `self.players`, and defines `step`.

    Args:
        name: of the case.
        layout: of images in memory.
        precision: one of `cases.PRECISIONS`; TF32 counts as float32 on GPUs, as in TensorFlow.
    """

    betas = (0.5, 0.999)

    def __init__(self, name: str, layout: torch.memory_format, precision: str) -> None:
        torch.manual_seed(0)
        self.d = cases.CASES[name].latent_dim
        self.cast = lambda: contextlib.nullcontext()
        if precision != "float32":
            low = getattr(torch, precision.removeprefix("mixed_"))
            self.cast = lambda: torch.autocast(torch.get_default_device().type, low)
        self.scaler = torch.amp.GradScaler(enabled=precision == "mixed_float16")
        *sides, last = cases.CASES[name].shape
        shape = (cases.BATCH, last, *sides)
        self.image = bool(sides)
        self.x = torch.tensor(cases.grey(math.prod(shape))).reshape(shape)
        self.players: dict[str, nn.Module] = self.make()
        if self.image:
            self.x = self.x.contiguous(memory_format=layout)
            for module in self.players.values():
                module.to(memory_format=layout)
        self.weights = {player: list(m.parameters()) for player, m in self.players.items()}
        self.adam = {
            player: torch.optim.Adam(weights, 2e-4, self.betas, fused=True)
            for player, weights in self.weights.items()
        }

    def make(self) -> dict[str, nn.Module]:
        """{player: its networks}."""
        raise NotImplementedError

    def phases(self) -> Iterator[Losses]:
        """The losses of a step, phase by phase: each is applied before the next is computed."""
        raise NotImplementedError

    def step(self) -> torch.Tensor:
        """One training step; a loss of it, [], on its device."""
        with self.cast():
            for losses in self.phases():
                self.apply(losses)
        return next(iter(losses.values())).detach()

    def apply(self, losses: Losses) -> None:
        """Moves the players, all at once."""
        last = len(losses) - 1
        for index, (player, loss) in enumerate(losses.items()):
            loss = self.scaler.scale(loss)
            found = torch.autograd.grad(loss, self.weights[player], retain_graph=index < last)
            for weight, gradient in zip(self.weights[player], found):
                weight.grad = gradient
        for player in losses:
            self.scaler.step(self.adam[player])
        if self.scaler.is_enabled():
            self.scaler.update()

    def losses_at_zero(self) -> dict[str, float]:
        """{player: its loss} with all weights zero, which are put back."""
        weights = [weight for each in self.weights.values() for weight in each]
        kept = [weight.detach().clone() for weight in weights]
        with torch.no_grad():
            for weight in weights:
                weight.zero_()
        found: dict[str, float] = {}
        with self.cast():
            for losses in self.phases():
                found |= {player: float(loss) for player, loss in losses.items()}
        with torch.no_grad():
            for weight, value in zip(weights, kept):
                weight.copy_(value)
        return found
