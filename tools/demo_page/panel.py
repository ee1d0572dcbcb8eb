"""The tab of an ability: its controls, and what it shows."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from nicegui import run, ui

from demo_page import abilities, controls, own_images
from demo_page.ability import Ability
from zoo.errors import printable

_SLIDERS = "grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr))"
# The texts of the rows, then the picture, which shrinks with the window.
_LABELLED = "display: inline-grid; grid-template-columns: auto minmax(0, max-content)"
_SMALL = "text-gray-600 whitespace-nowrap"


class Panel:
    """The tab of an ability: its controls, and what it shows.

    Args:
        ability: the ability.
        images: gives the person's images, [images, *image_shape].
    """

    def __init__(self, ability: Ability, images: Callable[[int], np.ndarray]) -> None:
        self.ability, self.images = ability, images
        self.values = abilities.defaults(ability)
        self.wanted = self.shown = 0
        self.busy = False
        self.sliders: dict[controls.Slider, tuple[ui.label, ui.slider]] = {}
        with ui.row().classes("w-full items-center gap-x-6 gap-y-0 text-gray-600"):
            ui.label(ability.says)
            self.working = ui.row().classes("items-center gap-2 text-sm invisible")
            with self.working:
                ui.spinner(size="1em")
                ui.label("Computing ...")
        if ability.controls:
            self.lay_out()
        self.results = ui.column().classes("w-full gap-2 results")

    def lay_out(self) -> None:
        """The widgets of all controls, the sliders below the others."""
        moved = [each for each in self.ability.controls if isinstance(each, controls.Slider)]
        with ui.row().classes("items-center gap-x-6 gap-y-2"):
            for control in self.ability.controls:
                if control not in moved:
                    self.widget(control)
            if moved:
                ui.button("Reset sliders", on_click=self.reset).props("outline dense no-caps")
        self.fault = ui.label().classes("text-sm text-red-700")
        self.fault.set_visibility(False)
        if moved:
            with ui.element("div").classes("grid w-full gap-x-8 gap-y-1").style(_SLIDERS):
                widest = max(len(control.label) for control in moved)
                for control in moved:
                    self.slider(control, widest)

    def widget(self, control: controls.Control) -> None:
        """The widget of a control; another value shows the ability anew."""
        change = functools.partial(self.change, control)
        if isinstance(control, controls.Whole):
            field = ui.input(control.label, value=str(control.default), on_change=change)
            field.props(f"dense type=number min={control.low} max={control.high}").classes("w-40")
            field.on("blur", lambda: field.set_value(str(self.values[control.name])), [])
        else:
            several = control.several
            default = list(control.default) if several else control.default
            ui.select(
                dict(control.options),
                label=control.label,
                value=default,
                multiple=several,
                on_change=change,
            ).props("dense").classes("w-40")

    def slider(self, control: controls.Slider, widest: int) -> None:
        """A slider between its name, for which so many letters have room, and its number."""
        change = functools.partial(self.change, control)
        with ui.row().classes("w-full items-center gap-3 no-wrap"):
            name = ui.label(control.label).classes(f"shrink-0 text-sm {_SMALL}")
            name.style(f"width: {widest}ch")
            limits = {"min": control.low, "max": control.high, "step": control.step}
            slider = ui.slider(value=control.default, on_change=change, **limits)
            slider.props("dense").classes("grow min-w-0").props["aria-label"] = control.label
            number = ui.label().classes("w-10 text-sm text-right")
            number.bind_text_from(slider, "value", lambda value: f"{value:+.1f}")
        self.sliders[control] = name, slider

    def reset(self) -> None:
        """Moves all sliders to where they were first."""
        for control, (_, slider) in self.sliders.items():
            slider.set_value(control.default)

    async def change(self, control: controls.Control, event: Any) -> None:
        value = control.read(event.value)
        if isinstance(control, controls.Whole):
            self.fault.set_text(control.fault(event.value))
            self.fault.set_visibility(bool(self.fault.text))
        if value is not None and value != self.values[control.name]:
            self.values[control.name] = value
            for moved, (name, slider) in self.sliders.items():
                name.set_text(self.ability.label(moved, self.values))
                slider.props["aria-label"] = name.text
            await self.refresh()

    async def refresh(self) -> None:
        """Shows the ability for the newest values; those that came meanwhile are taken together."""
        self.wanted += 1
        if self.busy:
            return
        self.busy = True
        self.working.classes(remove="invisible")
        try:
            while self.shown != self.wanted:
                self.shown = self.wanted
                x = self.images(self.ability.images)
                try:
                    found = await run.io_bound(self.ability.show, dict(self.values), x)
                except Exception as error:  # the page stays, whatever a model answers
                    with self.results:
                        ui.notify(printable(error), type="negative")
                    continue
                self.results.clear()
                with self.results:
                    for each in found:
                        draw(each)
        finally:
            self.busy = False
            self.working.classes("invisible")


def draw(shown: controls.Shown) -> None:
    """One result below the others."""
    if isinstance(shown, controls.Sentence):
        ui.label(shown.caption).classes("text-lg")
        return
    ui.label(shown.caption).classes("text-sm text-gray-600 mt-2")
    if isinstance(shown, controls.Picture):
        labelled(shown)
        return
    for name, share in shown.shares.items():
        with ui.row().classes("w-full items-center gap-2 no-wrap"):
            ui.label(name).classes("w-8 text-right")
            progress = ui.linear_progress(share, show_value=False).props("instant-feedback")
            progress.classes("grow min-w-0 max-w-64")
            ui.label(f"{share:.1%}").classes("w-16 text-right")


def labelled(shown: controls.Picture) -> None:
    """A picture between the texts of its rows and of its columns."""
    gap = "gap-x-2" if shown.rows else ""
    with ui.element("div").classes(f"max-w-full {gap}").style(_LABELLED):
        ui.element("div")
        texts(shown.columns, "flex flex-row text-center")
        texts(shown.rows, "flex flex-col text-right")
        picture = ui.element("img").style("image-rendering: pixelated; max-width: 100%")
        picture.props["src"], picture.props["alt"] = own_images.to_url(shown.pixels), shown.caption


def texts(labels: Sequence[str], classes: str) -> None:
    """Texts that share a line evenly."""
    with ui.element("div").classes(f"{classes} {_SMALL} text-xs"):
        for label in labels:
            with ui.element("div").classes("flex-1 min-w-0 min-h-0 content-center"):
                ui.label(label)
