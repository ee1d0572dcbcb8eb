"""A canvas for an image of the person's own."""

from collections.abc import Awaitable, Callable

import numpy as np
from nicegui import events, run, ui

from demo_page import own_images
from zoo import pictures

_PAD = 224  # pixels of the longer side of a canvas
_UPLOAD = 20 * 2**20  # bytes of a file, at most


class Pad(ui.element, component="pad.js"):
    """A canvas to draw on, and buttons to put another image to begin with or a file there.

    Args:
        image_shape: (H, W, C) of the model.
        made: a function of a seed, an image [1, H, W, C] to begin with.
        changed: awaited without arguments once there is another image.
        seed: of the first one.
        x: the first one.

    Attributes:
        x: the image as the model takes it, float32 [1, H, W, C].
    """

    def __init__(
        self,
        image_shape: tuple[int, ...],
        made: Callable[[int], np.ndarray],
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
        self.image_shape, self.made, self.changed = image_shape, made, changed
        self.seed, self.x = seed, x
        self.on("drawn", self.drawn)
        self.show()

    def buttons(self, another: str) -> None:
        """The buttons below the canvas.

        Args:
            another: text of the one that asks for another image to begin with.
        """
        upload = ui.upload(on_upload=self.uploaded, auto_upload=True, max_file_size=_UPLOAD)
        upload.props('accept="image/*"').classes("hidden")
        with ui.row().classes("gap-1"):
            small = "flat dense no-caps"
            ui.button(another, on_click=self.another).props(small)
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
        self.x = await run.io_bound(self.made, self.seed)
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
