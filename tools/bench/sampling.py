"""What drawing from autoregressive models costs: `benchmark.py --sampling`."""

import os
import statistics
import tempfile

from bench import arithmetic, start
from pages import markdown

SHAPE = (28, 28, 1)
DRAWN = 16  # images at once
AUTOREGRESSIVE = (  # (method, hyper-parameters)
    ("pixel_cnn", {"pixel_layers": 12, "pixel_maps": 32, "pixel_kernel": 3}),
    ("pixel_cnn", {"pixel_layers": 6, "pixel_maps": 32, "pixel_kernel": 5}),
    ("pixel_cnn", {"pixel_layers": 12, "pixel_maps": 16, "pixel_kernel": 5, "gated": False}),
    ("pixel_cnn", {"pixel_layers": 6, "decoder_output": "logistic_mixture"}),
    ("pixel_vae", {"pixel_layers": 6, "conditioning": "dependent"}),
)


def table(rounds: int, seconds: float, threads: int | None) -> str:
    """Models by their cost as a Markdown table; medians over the rounds.

    Args:
        rounds: how many.
        seconds: of each measurement in a round.
        threads: of TensorFlow, None for one a core.
    """
    start.tensorflow(threads)
    import numpy as np

    import zoo

    heads = ("method", "`log_prob`", "`sample`", "sample / log_prob", "exported / log_prob")
    lines = markdown.header(*heads)
    for method, options in AUTOREGRESSIVE:
        model = zoo.create(method, image_shape=SHAPE, **options)
        with tempfile.TemporaryDirectory() as folder:
            served = zoo.load(zoo.export(model, folder).parent)
            x = np.asarray(model.sample(DRAWN, seed=0))
            calls = {
                "log_prob": lambda: model.log_prob(x, seed=0),  # noqa: B023
                "sample": lambda: model.sample(DRAWN, seed=0),  # noqa: B023
                "exported": lambda: served.sample(DRAWN, seed=0),  # noqa: B023
            }
            for call in calls.values():
                call()
            timed = [
                {name: arithmetic.seconds(call, seconds) for name, call in calls.items()}
                for _ in range(rounds)
            ]
        median = {name: statistics.median(each[name] for each in timed) for name in calls}
        ratio = {
            name: statistics.median(each[name] / each["log_prob"] for each in timed)
            for name in ("sample", "exported")
        }
        words = ", ".join(f"{name} {value}" for name, value in options.items())
        cells = (
            f"{method}: {words}",
            f"{1e3 * median['log_prob']:.0f} ms",
            f"{1e3 * median['sample']:.0f} ms",
            f"{ratio['sample']:.1f}",
            f"{ratio['exported']:.0f}",
        )
        lines.append(markdown.row(*cells))
    lines += ["", f"{DRAWN} images of 28x28 on a CPU of {threads or os.cpu_count()} threads."]
    return "\n".join(lines)
