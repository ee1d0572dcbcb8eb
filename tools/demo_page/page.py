"""The widgets of the page. They hold no rule of what a model can show: `abilities` has them.

Everything that the page loads comes from this machine: the library brings its own fonts and
scripts, and sends nothing anywhere.
"""

import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from nicegui import events, run, ui

from demo_page import abilities, controls, models, own_images
from demo_page.abilities import Ability
from zoo import pictures

if TYPE_CHECKING:
    from zoo.verbs import Verbs

_PAD = 224  # pixels of the longer side of a canvas
_UPLOAD = 20 * 2**20  # bytes of a file, at most


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


class Pad(ui.element, component="pad.js"):
    """A canvas to draw on, and buttons to put a sample of the model or a file there.

    Args:
        image_shape: (H, W, C) of the model.
        sampled: a function of a seed, an image [1, H, W, C] of the model.
        changed: awaited without arguments once there is another image.
        seed: of the first sample.
        x: that sample.

    Attributes:
        x: the image as the model takes it, float32 [1, H, W, C].
    """

    def __init__(
        self,
        image_shape: tuple[int, ...],
        sampled: Callable[[int], np.ndarray],
        changed: Callable[[], Awaitable[None]],
        seed: int,
        x: np.ndarray,
    ) -> None:
        super().__init__()
        height, width, _ = image_shape
        scale = _PAD / max(height, width)
        self._props |= {"width": round(scale * width), "height": round(scale * height)}
        self._props["pen"] = max(1.5 * scale, _PAD / 10)  # of a model's pixels 1.5 at least
        self.classes("rounded border border-gray-400")
        self.image_shape, self.sampled, self.changed = image_shape, sampled, changed
        self.seed, self.x = seed, x
        self.on("drawn", self.drawn)
        self.show()

    def buttons(self) -> None:
        """The buttons below the canvas."""
        upload = ui.upload(on_upload=self.uploaded, auto_upload=True, max_file_size=_UPLOAD)
        upload.props('accept="image/*"').classes("hidden")
        with ui.row().classes("gap-1"):
            small = "flat dense no-caps"
            ui.button("New sample", on_click=self.another).props(small)
            ui.button("Upload", on_click=lambda: upload.run_method("pickFiles")).props(small)
            ui.button("Clear", on_click=self.clear_image).props(small)
            ui.switch("Erase", on_change=lambda e: self.run_method("erase", e.value)).props("dense")

    def show(self) -> None:
        """Paints what the model will see."""
        self.run_method("show", own_images.to_url(pictures.image_grid(self.x, pad=0)))

    async def drawn(self, event: events.GenericEventArguments) -> None:
        self.x = await run.io_bound(own_images.from_url, event.args, self.image_shape)
        await self.changed()

    async def another(self) -> None:
        self.seed += 1
        self.x = await run.io_bound(self.sampled, self.seed)
        self.show()
        await self.changed()

    async def uploaded(self, event: events.UploadEventArguments) -> None:
        content = await event.file.read()
        try:
            self.x = await run.io_bound(own_images.from_bytes, content, self.image_shape)
        except ValueError as error:
            ui.notify(str(error), type="warning")
            return
        self.show()
        await self.changed()

    async def clear_image(self) -> None:
        self.run_method("clear")
        self.x = np.zeros_like(self.x)
        await self.changed()


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
        ui.label(ability.says).classes("text-gray-600")
        sliders = [each for each in ability.controls if isinstance(each, controls.Slider)]
        with ui.row().classes("items-center gap-x-6 gap-y-2"):
            for control in ability.controls:
                if control not in sliders:
                    self.widget(control)
        with ui.grid(columns=min(4, max(1, len(sliders)))).classes("gap-x-8 gap-y-2"):
            for control in sliders:
                self.widget(control)
        self.results = ui.column().classes("w-full gap-2 results")

    def widget(self, control: controls.Control) -> None:
        """The widget of a control; another value shows the ability anew."""
        change = functools.partial(self.change, control)
        if isinstance(control, controls.Whole):
            field = ui.input(control.label, value=str(control.default), on_change=change)
            field.props(f"dense type=number min={control.low} max={control.high}").classes("w-40")
            field.on("blur", lambda: field.set_value(str(self.values[control.name])), [])
        elif isinstance(control, controls.Slider):
            with ui.row().classes("items-center gap-3 no-wrap"):
                ui.label(control.label).classes("text-sm text-gray-600 whitespace-nowrap")
                limits = {"min": control.low, "max": control.high, "step": control.step}
                slider = ui.slider(value=control.default, on_change=change, **limits)
                slider.props("label dense").props["aria-label"] = control.label
                slider.classes("w-32")
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

    async def change(self, control: controls.Control, event: Any) -> None:
        value = control.read(event.value)
        if value is not None and value != self.values[control.name]:
            self.values[control.name] = value
            await self.refresh()

    async def refresh(self) -> None:
        """Shows the ability for the newest values; those that came meanwhile are taken together."""
        self.wanted += 1
        if self.busy:
            return
        self.busy = True
        try:
            while self.shown != self.wanted:
                self.shown = self.wanted
                x = self.images(self.ability.images)
                try:
                    found = await run.io_bound(self.ability.show, dict(self.values), x)
                except Exception as error:  # the page stays, whatever a model answers
                    with self.results:
                        ui.notify(" ".join(f"{error}".split()), type="negative")
                    continue
                self.results.clear()
                with self.results:
                    for each in found:
                        draw(each)
        finally:
            self.busy = False


def draw(shown: controls.Shown) -> None:
    """One result below the others."""
    if isinstance(shown, controls.Sentence):
        ui.label(shown.caption).classes("text-lg")
        return
    ui.label(shown.caption).classes("text-sm text-gray-600 mt-2")
    if isinstance(shown, controls.Picture):
        picture = ui.element("img").style("image-rendering: pixelated; max-width: 100%")
        picture.props["src"], picture.props["alt"] = own_images.to_url(shown.pixels), shown.caption
        return
    for name, share in shown.shares.items():
        with ui.row().classes("items-center gap-2 no-wrap"):
            ui.label(name).classes("w-8 text-right")
            ui.linear_progress(share, show_value=False).props("instant-feedback").classes("w-64")
            ui.label(f"{share:.1%}").classes("w-16 text-right")


class Page:
    """The page of one visitor: a choice of models, then the panels of the one that was picked."""

    def __init__(self, choices: Mapping[str, str]) -> None:
        ui.colors(primary="#1f5f8b")
        with ui.header().classes("items-center gap-6 py-2"):
            ui.label("Model zoo").classes("text-xl")
            first = next(iter(choices))
            ui.select(dict(choices), value=first, on_change=self.picked).props(
                "dark dense options-dense outlined"
            ).classes("w-96")
            self.spinner = ui.spinner(color="white")
        self.body = ui.row().classes("w-full no-wrap gap-8")
        self.picks = 0
        ui.timer(0, functools.partial(self.open, first), once=True)

    async def picked(self, event: events.ValueChangeEventArguments) -> None:
        await self.open(event.value)

    async def open(self, choice: str) -> None:
        """Loads a model and lays out what it can show."""
        self.picks += 1
        newest = self.picks
        self.spinner.set_visibility(True)
        self.body.clear()
        try:
            model = await run.io_bound(models.opened, choice)
            found = await run.io_bound(abilities.abilities_of, model)
            sampled = functools.partial(abilities.sampled_image, model)
            needed = range(max((ability.images for ability in found), default=0))
            images = [await run.io_bound(sampled, seed) for seed in needed]
            problem = "" if found else f"{choice} has no verb that this page can show."
        except Exception as error:  # a damaged export or a run without a checkpoint: pick another
            problem = " ".join(f"{error}".split())
        if newest != self.picks:  # another one was picked meanwhile
            return
        self.spinner.set_visibility(False)
        with self.body:
            if problem:
                ui.label(problem).classes("text-red-700")
                return
            self.lay_out(model, found, sampled, images)
        await self.panels[found[0].title].refresh()

    def lay_out(
        self,
        model: "Verbs",
        found: list[Ability],
        sampled: Callable[[int], np.ndarray],
        images: list[np.ndarray],
    ) -> None:
        """What the model is and the person's images on the left, a tab an ability on the right."""
        self.pads: list[Pad] = []
        self.holders: list[ui.column] = []
        with ui.column().classes("w-64 shrink-0 gap-4"):
            facts(model)
            for index, x in enumerate(images):
                with ui.column().classes("gap-1") as holder:
                    ui.label("Image " + "AB"[index]).classes("text-bold")
                    pad = Pad(model.image_shape, sampled, self.refresh, index, x)
                    pad.buttons()
                self.pads.append(pad)
                self.holders.append(holder)
        with ui.column().classes("grow min-w-0"):
            with ui.tabs(on_change=self.turned).props("dense no-caps align=left") as self.tabs:
                for ability in found:
                    ui.tab(ability.title)
            self.panels = {}
            with ui.tab_panels(self.tabs, value=found[0].title, animated=False).classes("w-full"):
                for ability in found:
                    with ui.tab_panel(ability.title).classes("p-0"):
                        self.panels[ability.title] = Panel(ability, self.images)
        self.show_pads(found[0])

    def images(self, n: int) -> np.ndarray | None:
        """The first n of the person's images, [n, *image_shape]."""
        return np.concatenate([pad.x for pad in self.pads[:n]]) if n else None

    def show_pads(self, ability: Ability) -> None:
        for index, holder in enumerate(self.holders):
            holder.set_visibility(index < ability.images)

    async def turned(self, event: events.ValueChangeEventArguments) -> None:
        panel = self.panels[event.value]
        self.show_pads(panel.ability)
        await panel.refresh()

    async def refresh(self) -> None:
        await self.panels[self.tabs.value].refresh()


def facts(model: "Verbs") -> None:
    """What the model is, in a few lines."""
    with ui.column().classes("gap-0 text-sm"):
        ui.label(model.method).classes("text-2xl")
        shape = " x ".join(map(str, model.image_shape))
        lines = [f"data: {shape} numbers in [0, 1]" if len(model.image_shape) == 3 else shape]
        if {"encode", "decode"} & model.capabilities:
            lines.append(f"code: {model.code_dim} numbers")
        if model.levels > 1:
            lines.append(f"levels: {model.levels}")
        if model.num_classes:
            lines.append(f"classes: {model.num_classes}")
        lines.append(f"can {', '.join(sorted(model.capabilities))}")
        for line in lines:
            ui.label(line).classes("text-gray-600")
