"""A case as the zoo computes it.

    python tools/peers/zoo_side.py CASE THREADS [cpu|gpu] [PRECISION] [CHECKOUT] [xla]

CHECKOUT is the folder of another version of the zoo, which is then measured by this script; xla
compiles the steps by XLA.
"""

import functools
import math
import os
import pathlib
import sys
import time
from collections.abc import Callable
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent)]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from bench import arithmetic  # noqa: E402
from peers import cases, loop  # noqa: E402


def make(name: str, jit_compile: bool | None = None, **more: Any) -> Any:
    """The compiled model of a case, with more arguments of `zoo.create`."""
    import zoo
    from zoo.networks.stack import Reshape, Stack, conv, deconv, dense

    case = cases.CASES[name]
    arguments = case.arguments | more
    if name == "vae_wide":
        rows = {"norm": True, "activation": "relu", "padding": "same"}
        first, *_, last = cases.WIDE
        arguments["encoder"] = Stack(
            [*(conv(maps, 4, 2, **rows) for maps in cases.WIDE), dense(None, activation="linear")],
            (2 * case.latent_dim,),
        )
        arguments["decoder"] = Stack(
            [
                dense(16 * last, activation="linear"),
                Reshape((4, 4, last)),
                deconv(512, 3, 2, size=(7, 7), **rows),
                deconv(256, 3, 2, **rows),
                deconv(None, 3, 2, padding="same", activation="linear"),
            ],
            case.shape,
        )
    if case.method not in ("real_nvp", "pixel_cnn"):
        arguments["latent_dim"] = case.latent_dim
    model = zoo.create(case.method, image_shape=case.shape, **arguments)
    model.compile(**({} if jit_compile is None else {"jit_compile": jit_compile}))
    return model


def data(name: str) -> Any:
    """The batch that every step sees, [B, ...]."""
    import numpy as np

    shape = cases.BATCH, *cases.CASES[name].shape
    x = np.reshape(np.float32(cases.grey(math.prod(shape))), shape)
    return np.float32(x > 0.5) if name == "pixel_cnn" else x


def traced(model: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """A graph, as `zoo.training` makes one of a step."""
    import tensorflow as tf

    return tf.function(function, autograph=False, jit_compile=model.jit_compile)


def parts(model: Any, x: Any) -> dict[str, Callable[[], Any]]:
    """{part: a call}."""
    import tensorflow as tf

    x = tf.constant(x)
    drawn = cases.DRAWN if model.method == "pixel_cnn" else cases.BATCH
    return {
        "step": traced(model, lambda: model.train_step({"x": x})),
        "critic": traced(model, lambda: model.play(model.discriminator_phase, x)),
        "sample": lambda: model.sample(drawn, seed=0),
    }


def operations(call: Any) -> int | None:
    """Of the graph of a call, as `arithmetic.operations` counts them; None of other calls."""
    graph = getattr(call, "get_concrete_function", None)
    return arithmetic.operations(graph().graph) if graph else None


def losses_at_zero(model: Any, x: Any) -> dict[str, float]:
    """{player: its mean loss} with all weights zero, which are put back."""
    import numpy as np

    phases = {
        "vae": ["bound"],
        "ali": ["game"],
        "real_nvp": ["generator_phase"],
        "pixel_cnn": ["negative_log_likelihood"],
    }.get(model.method, ["discriminator_phase", "generator_phase"])
    variables = [v for moved in model.player_variables.values() for v in moved]
    kept = [variable.numpy() for variable in variables]
    for variable, value in zip(variables, kept):
        variable.assign(np.zeros_like(value))
    found = {}
    for phase in phases:
        found |= {p: float(np.mean(v)) for p, v in phase_losses(model, phase, x).items()}
    for variable, value in zip(variables, kept):
        variable.assign(value)
    return found


def phase_losses(model: Any, phase: str, x: Any) -> dict[str, Any]:
    """What a phase returns on a batch, nobody moving."""
    import tensorflow as tf

    found = {}

    def kept(x: Any) -> dict[str, Any]:
        found.update(getattr(model, phase)(x))
        return found

    model.play(kept, tf.constant(x), moves=False)
    return found


def same_seed(name: str, steps: int) -> list[dict[str, float]]:
    """What the first steps of a new model of seed 0 log: losses of all players, gradient norms.

    They see the digits of scikit-learn in their order, as large as the images of the case.
    """
    import numpy as np
    import tensorflow as tf
    from sklearn.datasets import load_digits

    shape = cases.CASES[name].shape
    side, digits = round(math.prod(shape) ** 0.5), np.float32(load_digits().images) / 16
    images = digits.repeat(side // 8, axis=1).repeat(side // 8, axis=2)
    border = (side - images.shape[1]) // 2
    x = np.pad(images, [(0, 0), (border, border), (border, border)]).reshape(-1, *shape)
    x = np.float32(x > 0.5) if name == "pixel_cnn" else x
    tf.keras.utils.set_random_seed(0)
    model = make(name, seed=0)
    model.adapt(tf.constant(x[: cases.BATCH]))
    step = traced(model, lambda x: model.train_step({"x": x}))
    found = []
    for index in range(steps):
        model.reset_metrics()
        rows = np.arange(index * cases.BATCH, (index + 1) * cases.BATCH) % len(x)
        logs = step(tf.constant(x[rows]))
        found.append({key: float(value) for key, value in logs.items()})
    return found


def main(
    name: str,
    threads: str,
    device: str = "cpu",
    precision: str = "float32",
    checkout: str = "",
    compiler: str = "",
) -> None:
    """Serves a case."""
    began = time.perf_counter()
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    sys.path.insert(0, checkout or str(HERE.parent.parent))
    import zoo  # before the tools, which would import their own

    assert pathlib.Path(zoo.__file__).is_relative_to(sys.path[0]), zoo.__file__
    import command_line  # the way all tools start

    from zoo.errors import refusal

    tf = command_line.load()
    imported = time.perf_counter() - began
    tf.config.threading.set_intra_op_parallelism_threads(int(threads))
    tf.config.threading.set_inter_op_parallelism_threads(int(threads))
    where = "a CPU"
    if device == "gpu":
        gpu = next(iter(tf.config.list_physical_devices("GPU")), None)
        if gpu is None:
            expected = "cpu, as TensorFlow finds no GPU"
            print(refusal("device", expected, device), file=sys.stderr)
            sys.exit(2)
        where = tf.config.experimental.get_device_details(gpu)["device_name"]
    tf.keras.config.set_dtype_policy(precision)
    model, x = make(name, True if compiler == "xla" else None), data(name)
    count = {p: sum(v.numpy().size for v in moved) for p, moved in model.player_variables.items()}
    described = {"parameters": count, "import_seconds": imported, "device": where}
    timed = parts(model, x)
    timed["step"]()["loss"].numpy()
    described["library"] = f"TensorFlow {tf.__version__}"
    fastest = functools.cache(
        lambda: arithmetic.fastest_convolution(precision.removeprefix("mixed_"))[1]
    )
    told = {
        "losses": lambda: losses_at_zero(model, x),
        "operations": lambda: {part: operations(timed[part]) for part in cases.CASES[name].parts},
        "ceiling operations": lambda: {"ceiling": fastest().operations},
        "same seed": lambda steps: {"logs": same_seed(name, steps)},
    }
    timed["ceiling"] = lambda: fastest().call()
    loop.serve(described, timed, told, tf.test.experimental.sync_devices)


if __name__ == "__main__":
    main(*sys.argv[1:])
