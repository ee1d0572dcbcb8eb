"""Which arithmetic of networks is fast on this machine: what precision "auto" means.

Half as many bits are faster where the hardware multiplies in bfloat16, and several times slower
where each operation has to convert them. float16 is for GPUs older than that, and is never taken
unasked: its range is small. TensorFlow is loaded only where there may be an accelerator to ask it
about.
"""

import pathlib
import sys

# Of a loss within a loss, whose slopes are taken in a step: in float16 small ones would vanish.
INNER_SCALE = 2.0**10
CHOICES = ("auto", "float32", "mixed_bfloat16", "mixed_float16")
_CPUINFO = pathlib.Path("/proc/cpuinfo")
# What Linux calls instructions of bfloat16: AMX and AVX-512 of x86, those of Arm.
_INSTRUCTIONS = {"amx_bf16", "avx512_bf16", "bf16"}
_DEVICES = ("nvidia[0-9]*", "accel[0-9]*", "vfio/[0-9]*", "kfd")  # of GPUs and TPUs
# Of the first GPUs that are fast in it.
_CAPABILITY = {"mixed_bfloat16": (8, 0), "mixed_float16": (7, 0)}


def chosen(asked: str, recorded: str | None = None) -> str:
    """The precision of a run: what was asked for, and of "auto" what is recorded, or else fast.

    Args:
        asked: one of `CHOICES`.
        recorded: of the run that is continued, or None.

    Returns:
        One of `CHOICES` that is not "auto".
    """
    if asked != "auto":
        return asked
    if recorded in CHOICES[1:]:
        return str(recorded)
    return "mixed_bfloat16" if fast_bfloat16() else "float32"


def warning(precision: str) -> str | None:
    """A line for who computes in a precision that is slow on this machine, else None."""
    lacks = {
        "mixed_bfloat16": (fast_bfloat16, "whose processor has no AMX and no AVX512_BF16"),
        "mixed_float16": (fast_float16, "which has no GPU that computes in it"),
    }
    fast, reason = lacks.get(precision, (lambda: True, ""))
    if fast():
        return None
    return (
        f"{precision} is slower than float32 on this machine, {reason}; a new run with"
        " --precision=auto takes what is fast."
    )


def fast_bfloat16() -> bool:
    """Whether what TensorFlow computes on here, accelerators if there are any, has bfloat16."""
    of_accelerators = _accelerators("mixed_bfloat16")
    return all(of_accelerators) if of_accelerators else processor_has_bfloat16()


def fast_float16() -> bool:
    """Whether what TensorFlow computes on here are GPUs with float16."""
    of_accelerators = _accelerators("mixed_float16")
    return bool(of_accelerators) and all(of_accelerators)


def processor_has_bfloat16(cpuinfo: pathlib.Path = _CPUINFO) -> bool:
    """Whether Linux lists instructions of bfloat16 among those of every core; else False."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:  # another system
        return False
    found = [line.partition(":") for line in lines]
    cores = [set(text.split()) for name, _, text in found if name.strip() in ("flags", "Features")]
    return bool(cores) and all(core & _INSTRUCTIONS for core in cores)


def _accelerators(precision: str) -> list[bool]:
    """Of each accelerator that TensorFlow sees, whether it is fast in a precision."""
    present = any(any(pathlib.Path("/dev").glob(pattern)) for pattern in _DEVICES)
    if not present and "tensorflow" not in sys.modules:
        return []
    import tensorflow as tf

    details = map(tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU"))
    least = _CAPABILITY[precision]
    gpus = [detail.get("compute_capability", (0, 0)) >= least for detail in details]
    return gpus + [precision == "mixed_bfloat16" for _ in tf.config.list_physical_devices("TPU")]
