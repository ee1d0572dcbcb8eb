"""The widgets of the page. They hold no rule of what a model can show: `abilities` has them.

Everything that the page loads comes from this machine: the library brings its own fonts and
scripts, and sends nothing anywhere.
"""

import functools
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from nicegui import events, run, ui

from demo_page import abilities, about, models
from demo_page.ability import Ability
from demo_page.about import About
from demo_page.pad import Pad
from demo_page.panel import Panel
from zoo.errors import printable

if TYPE_CHECKING:
    from zoo.verbs import Verbs

_EXTRAS = ["fenced-code-blocks", "tables", "code-friendly"]  # of Markdown; _ is a letter of names


def serve(choices: Mapping[str, str], host: str, port: int) -> None:
    """Serves the page until it is interrupted.

    Args:
        choices: {path or name: text}, the models that can be picked.
        host: address of this machine that listens.
        port: its port.
    """
    address = f"http://{host}:{port}"
    print(f"The page is at {address} (Ctrl-C ends it).", flush=True)
    ui.run(
        lambda: Page(choices),
        host=host,
        port=port,
        title="Model zoo",
        favicon="🎲",
        reload=False,
        show=False,
        show_welcome_message=False,
    )


class Page:
    """The page of one visitor: a choice of models, then the panels of the one that was picked."""

    def __init__(self, choices: Mapping[str, str]) -> None:
        ui.colors(primary="#1f5f8b")
        with ui.header().classes("items-center gap-4 py-2 no-wrap"):
            ui.label("Model zoo").classes("text-xl whitespace-nowrap")
            first = next(iter(choices))
            ui.select(dict(choices), value=first, on_change=self.picked).props(
                "dark dense options-dense outlined"
            ).classes("grow min-w-0 max-w-96")
        self.choices = choices
        self.body = ui.column().classes("w-full gap-4")
        self.picks = 0
        self.wait(first)
        ui.timer(0, functools.partial(self.open, first), once=True)

    async def picked(self, event: events.ValueChangeEventArguments) -> None:
        self.wait(event.value)
        await self.open(event.value)

    def wait(self, choice: str) -> None:
        """Says which model is being prepared, in the place of all else."""
        self.body.clear()
        with self.body:
            waiting(self.choices[choice])

    async def open(self, choice: str) -> None:
        """Loads a model and lays out what it can show."""
        self.picks += 1
        newest = self.picks
        try:
            model = await run.io_bound(models.opened, choice)
            known = await run.io_bound(about.of_choice, choice, model)
            found = await run.io_bound(abilities.abilities_of, model, known)
            needed = range(max((ability.images for ability in found), default=0))
            made = functools.partial(abilities.first_image, model, about=known)
            images = [await run.io_bound(made, seed) for seed in needed]
            problem = "" if found else f"{choice} has no verb that this page can show."
        except Exception as error:  # a damaged export or a run without a checkpoint: pick another
            problem = printable(error)
        # Another one was picked meanwhile, or the visitor has gone.
        if newest != self.picks or self.body.client.is_deleted:
            return
        self.body.clear()
        with self.body:
            if problem:
                ui.label(problem).classes("text-red-700")
                return
            head(model, known)
            self.lay_out(model, found, made, images)
        await self.panels[found[0].title].refresh()

    def lay_out(
        self,
        model: "Verbs",
        found: list[Ability],
        made: functools.partial[np.ndarray],
        images: list[np.ndarray],
    ) -> None:
        """The person's images on the left, a tab an ability on the right; or below each other."""
        self.pads: list[Pad] = []
        self.holders: list[ui.column] = []
        another = "New sample" if "sample" in model.capabilities else "New example"
        with ui.element("div").classes("w-full flex flex-col md:flex-row gap-8"):
            if images:
                with ui.row().classes("md:w-64 shrink-0 gap-4 content-start") as self.left:
                    for index, x in enumerate(images):
                        with ui.column().classes("gap-1") as holder:
                            ui.label("Image " + "AB"[index]).classes("text-bold")
                            pad = Pad(model.image_shape, made, self.refresh, index, x)
                            pad.buttons(another)
                        self.pads.append(pad)
                        self.holders.append(holder)
            with ui.column().classes("w-full md:w-0 grow min-w-0"):
                self.tabs = ui.tabs(on_change=self.turned).classes("max-w-full")
                with self.tabs.props("dense no-caps align=left mobile-arrows outside-arrows"):
                    for ability in found:
                        ui.tab(ability.title)
                self.panels = {}
                panels = ui.tab_panels(self.tabs, value=found[0].title, animated=False)
                with panels.classes("w-full"):
                    for ability in found:
                        with ui.tab_panel(ability.title).classes("p-0"):
                            self.panels[ability.title] = Panel(ability, self.images)
        self.show_pads(found[0])

    def images(self, n: int) -> np.ndarray:
        """The first n of the person's images, [n, *image_shape]; None of none."""
        return np.concatenate([pad.x for pad in self.pads[:n]]) if n else None

    def show_pads(self, ability: Ability) -> None:
        """Those that the ability takes."""
        for index, holder in enumerate(self.holders):
            holder.set_visibility(index < ability.images)
        if self.holders:
            self.left.set_visibility(ability.images > 0)

    async def turned(self, event: events.ValueChangeEventArguments) -> None:
        panel = self.panels[event.value]
        self.show_pads(panel.ability)
        await panel.refresh()

    async def refresh(self) -> None:
        await self.panels[self.tabs.value].refresh()


def waiting(name: str) -> None:
    """What is shown until a model is there."""
    start = time.monotonic()
    with ui.row().classes("items-center gap-4 no-wrap"):
        ui.spinner(size="3em")
        with ui.column().classes("gap-0"):
            ui.label(f"Preparing {name} ...").classes("text-xl")
            ui.label("The first time takes up to a minute; from then on a few seconds.")
            passed = ui.label("0 s").classes("text-gray-600")
    ui.timer(1.0, lambda: passed.set_text(f"{time.monotonic() - start:.0f} s"))


def head(model: "Verbs", known: About) -> None:
    """What the model is, what it learned from, and its card, folded."""
    with ui.column().classes("w-full gap-1"):
        ui.label(known.name).classes("text-2xl break-all")
        if known.says:
            ui.label(known.says)
        ui.label(known.learned_from).classes("text-sm text-gray-600")
        ui.label(facts(model)).classes("text-sm text-gray-600")
        if known.card:
            fold = ui.expansion("Model card").props("dense")
            with fold.classes("w-full border border-gray-300 rounded"):
                card = ui.markdown(known.card, extras=_EXTRAS)
                card.classes("max-w-full overflow-x-auto text-sm [&_summary]:list-item")


def facts(model: "Verbs") -> str:
    """The method, sizes and verbs in a line."""
    shape = " x ".join(map(str, model.image_shape))
    lines = [f"Method {model.method}", f"data of {shape} numbers"]
    if {"encode", "decode"} & model.capabilities:
        lines.append(f"code of {model.code_dim} numbers")
    if model.levels > 1:
        lines.append(f"{model.levels} levels")
    if model.num_classes:
        lines.append(f"{model.num_classes} classes")
    return f"{'; '.join(lines)}; can {', '.join(sorted(model.capabilities))}."
