"""Signs beside a figure or a method, and what they say."""

from collections.abc import Iterable

from pages.sources import Config
from zoo.cards import figures

MISSES = " ‡"
LEGENDS = {
    figures.OPTIMISTIC: figures.OPTIMISTIC_LEGEND,
    MISSES: "‡ The method's page in `results/` says what this row misses, and why.",
}


def of(config: Config | None) -> str:
    """The signs of a config's figures."""
    if config is None:
        return ""
    return (figures.OPTIMISTIC if config.optimistic else "") + (MISSES if config.reason else "")


def legends(lines: Iterable[str]) -> list[str]:
    """What the signs in some lines say."""
    text = "\n".join(lines)
    return [legend for mark, legend in LEGENDS.items() if mark in text]
