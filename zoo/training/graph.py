"""Many training steps in one call of a traced graph."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import tensorflow as tf

if TYPE_CHECKING:
    from zoo.model import GenerativeModel


def many_steps(model: "GenerativeModel") -> Callable[..., dict[str, float]]:
    """A function (iterator, n) that runs the next n steps and returns the logs of the last.

    n is read at every call, and every step is the same loop body whatever n is: so Python costs
    nothing per step for tiny models, and the bits do not depend on where a call ends.

    Args:
        model: compiled; it is traced at the first call, in the stage that it is in by then.

    Returns:
        Callable (iterator of distributed batches, int n) -> {log: float}, means over the replicas.
    """
    strategy, names = model.distribute_strategy, list[str]()

    def replica_step(data: Any) -> tf.Tensor:
        logs = model.train_step(data)
        names[:] = logs
        # One vector, so that replicas reduce, and the host reads, once.
        return tf.stack([tf.reshape(tf.cast(v, tf.float32), []) for v in logs.values()])

    def one(data: Any) -> tf.Tensor:
        return strategy.reduce("MEAN", strategy.run(replica_step, args=(data,)), axis=None)

    def many(iterator: tf.distribute.DistributedIterator, n: tf.Tensor) -> tf.Tensor:
        # One loop body whatever n: n = 1 must not be optimised differently from n = 100.
        def body(i: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return i + 1, one(iterator.get_next())

        start = (tf.constant(0), tf.zeros([0]))
        shapes = (tf.TensorShape([]), tf.TensorShape([None]))
        return tf.while_loop(lambda i, _: i < n, body, start, shape_invariants=shapes)[1]

    if not model.run_eagerly:
        one = tf.function(one, jit_compile=model.jit_compile, autograph=False)
        many = tf.function(many, autograph=False)

    def run(iterator: tf.distribute.DistributedIterator, n: int) -> dict[str, float]:
        vector = many(iterator, tf.constant(n))
        return dict(zip(names, map(float, vector.numpy())))

    return run
