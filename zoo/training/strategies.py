"""Where a run computes: one device, several, several machines, TPUs."""

import json
import os
import signal
from collections.abc import Callable
from typing import NoReturn

import keras
import tensorflow as tf

from zoo import checks
from zoo.errors import refusal, unknown

NAMES = ("none", "mirrored", "multi_worker", "tpu")


def make(name: str) -> tf.distribute.Strategy:
    """A `tf.distribute.Strategy`; build and compile the model inside its `scope()`.

    Args:
        name: "none" (the default strategy), "mirrored" (all GPUs, else all logical CPUs),
            "multi_worker" (this process is one worker of `TF_CONFIG`), or "tpu".

    Raises:
        ValueError: an unknown name, a malformed `TF_CONFIG`, or no TPU.
    """
    if name == "none":
        return tf.distribute.get_strategy()
    if name == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    if name == "multi_worker":
        check_tf_config(os.environ.get("TF_CONFIG"))
        return tf.distribute.MultiWorkerMirroredStrategy()
    if name == "tpu":
        try:
            resolver = tf.distribute.cluster_resolver.TPUClusterResolver()
            tf.config.experimental_connect_to_cluster(resolver)
            tf.tpu.experimental.initialize_tpu_system(resolver)
        except (ValueError, tf.errors.OpError) as error:
            raise ValueError(refusal("strategy", "a TPU to connect to", name)) from error
        return tf.distribute.TPUStrategy(resolver)
    raise unknown("strategy", name, NAMES)


def check_tf_config(text: str | None) -> None:
    """Refuses a `TF_CONFIG` that TensorFlow would misread, or wait on for ever."""

    def refuse(expected: str) -> NoReturn:
        raise ValueError(refusal("TF_CONFIG", expected, text))

    try:
        config = json.loads(text or "")
    except ValueError:
        refuse(
            'JSON: {"cluster": {"worker": ["host:port"]}, "task": {"type": "worker", "index": 0}}'
        )
    cluster = config.get("cluster") if isinstance(config, dict) else None
    task = config.get("task") if isinstance(config, dict) else None
    if not isinstance(cluster, dict) or not cluster or not set(cluster) <= {"chief", "worker"}:
        refuse('"cluster" with the workers\' addresses')
    for addresses in cluster.values():
        ok = isinstance(addresses, list) and all(
            isinstance(a, str) and a.rpartition(":")[2].isdigit() for a in addresses
        )
        if not ok or not addresses:
            refuse('a list of "host:port" for each kind of task in "cluster"')
    task = task if isinstance(task, dict) else {}
    kind = task.get("type")
    if not isinstance(kind, str) or kind not in cluster:
        refuse(f'"task" with "type" one of {", ".join(sorted(cluster))}')
    count = len(cluster[kind])
    index = task.get("index")
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < count:
        refuse(f'"task" with "index" an int in [0, {count - 1}]')


def is_multi_worker(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is one of several that train together."""
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes: always, but for all workers except the first."""
    if not is_multi_worker(strategy):
        return True
    resolver = strategy.cluster_resolver
    kinds = resolver.cluster_spec().as_dict()
    return resolver.task_id == 0 and (resolver.task_type == "chief" or "chief" not in kinds)


def workers(strategy: tf.distribute.Strategy) -> int:
    """How many processes train together."""
    if not is_multi_worker(strategy):
        return 1
    return sum(map(len, strategy.cluster_resolver.cluster_spec().as_dict().values()))


def check_batch_size(strategy: tf.distribute.Strategy, **rows: int | None) -> None:
    """Refuses global batches, {argument: rows}, that the replicas cannot share evenly."""
    replicas = strategy.num_replicas_in_sync
    for argument, count in rows.items():
        if count is not None and count % replicas:
            expected = f"a multiple of the number of replicas, {replicas}"
            raise ValueError(refusal(argument, expected, count))


def agreement(
    strategy: tf.distribute.Strategy,
) -> Callable[[int, int | None], tuple[int, int | None]]:
    """Callable (n, signal_number) -> (the chief's n, a signal that some worker got or None).

    Collectives are matched by their iteration of the loop they are in, so workers whose graph calls
    ran different numbers of steps would wait for each other for ever.
    """
    if not is_multi_worker(strategy):
        return lambda n, signal_number: (n, signal_number)

    @tf.function(autograph=False)
    def chiefs(vector: tf.Tensor) -> tf.Tensor:
        def mine(vector: tf.Tensor) -> tf.Tensor:
            first = tf.distribute.get_replica_context().replica_id_in_sync_group == 0
            return tf.stack([tf.where(first, vector[0], 0), vector[1]])

        return strategy.reduce("SUM", strategy.run(mine, args=(vector,)), axis=None)

    def agree(n: int, signal_number: int | None) -> tuple[int, int | None]:
        n, asked = chiefs(tf.constant([n, int(signal_number is not None)])).numpy()
        return int(n), (signal_number or signal.SIGTERM) if asked else None

    return agree


def distribute(
    strategy: tf.distribute.Strategy,
    make_dataset: Callable[..., tf.data.Dataset],
) -> tf.distribute.DistributedDataset:
    """What `fit` reads: step s is the same global batch under every strategy.

    Args:
        strategy: of `make`.
        make_dataset: callable (workers=, worker=) -> tf.data.Dataset of one worker's rows, whose
            global batches `check_batch_size` accepts.
    """
    if not is_multi_worker(strategy):
        dataset = _unsharded(make_dataset(workers=1, worker=0))
        return strategy.experimental_distribute_dataset(dataset)

    replicas = strategy.num_replicas_in_sync

    def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        pipelines = context.num_input_pipelines
        dataset = make_dataset(workers=pipelines, worker=context.input_pipeline_id)
        if replicas // pipelines > 1:  # several devices a worker
            dataset = by_device(dataset, replicas // pipelines)
        return _unsharded(dataset)

    return strategy.distribute_datasets_from_function(of_worker)


def by_device(dataset: tf.data.Dataset, devices: int) -> tf.data.Dataset:
    """Each batch, {name: [B, ...]}, as one batch a device, {name: [B / devices, ...]}."""

    @tf.autograph.experimental.do_not_convert
    def shares(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        parts = lambda rows: tf.reshape(rows, [devices, rows.shape[0] // devices, *rows.shape[1:]])
        return {name: parts(rows) for name, rows in batch.items()}

    return dataset.map(shares, deterministic=True).unbatch()


def set_threads(count: int) -> None:
    """Intra- and inter-op threads; call before TensorFlow computes anything.

    Raises:
        TypeError: no int.
        ValueError: not positive, or TensorFlow has already started.
    """
    count = checks.whole(count, "threads")
    try:
        tf.config.threading.set_intra_op_parallelism_threads(count)
        tf.config.threading.set_inter_op_parallelism_threads(count)
    except RuntimeError:
        expected = "to be set before TensorFlow starts"
        raise ValueError(refusal("threads", expected, count)) from None


def set_determinism(seed: int = 0) -> None:
    """Same flags, same bits on devices whose kernels may be non-deterministic (GPUs)."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def _unsharded(dataset: tf.data.Dataset) -> tf.data.Dataset:
    # The pipeline has taken this worker's rows already; `fit` would shard them once more.
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return dataset.with_options(options)
