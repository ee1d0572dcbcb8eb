"""`Dataset`: splits, subsets, and batches that are a function of (seed, step) alone."""

import copy
import functools
import pathlib
import zlib
from typing import Any

import numpy as np
import tensorflow as tf

from zoo import checks, seeds
from zoo.data import store
from zoo.data.labelled import labelled_rows
from zoo.data.levels import binariser, scale
from zoo.data.source import Source
from zoo.errors import refusal, unknown

_STATIC_SEED = 20_160_602  # of the one draw a pixel of binarise="static"; a constant of the splits
_SMALL = 1024  # index_shuffle permutes at least 2^16 numbers and skips those that are too large


class Dataset:
    """Examples of one source as arrays and as `tf.data` pipelines.

    Images are float32 in [0, 1], [B, H, W, C]; toy data are float32 vectors [B, D]. `y` is int32
    [B] in [0, num_classes), or float32 [B, num_attributes], and absent where the source has none.

    Attributes:
        name: the source as it was asked for.
        image_shape: (H, W, C) or (D,).
        num_classes: K or None.
        num_attributes: A or None.
        class_names: tuple of class (or attribute) names, or None.
        binary: whether every pixel is 0 or 1.
        validation_in_train: whether the validation rows are the last ones of train, which a run is
            trained on unless it holds them out.
        default_split: what is measured or shown unless another split is asked for: "test"; without
            one a validation split of its own, else "train".
        description: str that changes whenever the examples or their labels do; free of paths.
        splits: names of the splits.
        modes: means [M, D] of a toy mixture, else None.
        mode_stddev: standard deviation of its components, else None.
        labels: number of labelled training examples, or None: all have the labels of the source.
        channels: the `Dataset` of one channel whose images are stacked here, else None.
        reference: the `Dataset` that this one is compared with (`zoo.data.compared`), else None.
        cache_dir: path of the directory where what is prepared once is kept.
    """

    def __init__(
        self,
        source: Source,
        *,
        binarise: str | None,
        labels: int | None,
        label_seed: int,
        cache_dir: pathlib.Path,
        memory_limit: int,
    ) -> None:
        """Use `zoo.data.load`."""
        if binarise is not None and len(source.shape) == 1:
            raise ValueError(refusal("binarise", f"None: {source.name} holds vectors", binarise))
        self._source, self._binarise = source, binarise
        self.cache_dir, self._memory_limit = cache_dir, memory_limit
        self.labels, self._label_seed = labels, label_seed
        # One cache an instance, so that a data set goes when its last user goes.
        self._rows = functools.cache(self._rows)  # type: ignore[method-assign]
        self._tensor = functools.cache(self._tensor)  # type: ignore[method-assign]
        self.name = source.name
        self.image_shape = source.shape
        self.num_classes = source.num_classes
        self.num_attributes = source.num_attributes
        self.class_names = source.class_names
        self.binary = source.binary or binarise is not None
        self.modes, self.mode_stddev = source.modes, source.mode_stddev
        self.channels: Dataset | None = None
        self.reference: Dataset | None = None
        if source.channels is not None:
            self.channels = Dataset(
                source.channels,
                binarise=binarise,
                labels=None,
                label_seed=label_seed,
                cache_dir=cache_dir,
                memory_limit=memory_limit,
            )
        names = {*source.splits, "validation"} if source.validation else source.splits
        self.splits = tuple(s for s in ("train", "validation", "test") if s in names)
        self.validation_in_train = source.validation > 0
        own = {"test", "validation"} & set(source.splits)
        self.default_split = min(own, default="train")
        self.description = source.identity
        if source.verify:
            for split in source.splits:
                self._rows(split, self._in_training if split == "train" else self._still)
        if binarise is not None:
            self.description += f", binarise={binarise}"
        self._content, self._subset = self.description, None
        if labels is not None:
            if self.num_classes is None:
                expected = f"None: {self.name} has no class labels"
                raise ValueError(refusal("labels", expected, labels))
            # There are classes, so there are labels.
            y: Any = self._rows("train", self._in_training).y
            y = y[: self.size("train") - source.validation]
            self._subset = labelled_rows(self.name, y, self.num_classes, labels, label_seed)
            self.description += f", labels={labels}, label_seed={label_seed}"

    def __repr__(self) -> str:
        sizes = ", ".join(f"{split}={self.size(split)}" for split in self.splits)
        return f"Dataset({self.description}, image_shape={self.image_shape}, {sizes})"

    def size(self, split: str) -> int:
        """Number of examples of a split."""
        start, stop = self._range(split)
        return stop - start

    def steps_per_epoch(self, batch_size: int, *, validation_held_out: bool = False) -> int:
        """Whole batches in one epoch of `train`; the tail of an epoch is dropped."""
        return self._train_size(batch_size, validation_held_out) // batch_size

    def arrays(self, split: str, limit: int | None = None) -> dict[str, np.ndarray]:
        """The first `limit` rows of a split (all of them: None).

        Returns:
            {"x": float32 [n, ...], "y": int32 [n] or float32 [n, A]}, `y` only with labels.
        """
        start, stop = self._range(split)
        if limit is not None:
            checks.whole(limit, "limit")
            stop = min(stop, start + limit)
        rows = self._rows(split, self._still)
        arrays = {"x": scale(rows.x[start:stop])}
        if rows.y is not None:
            arrays["y"] = rows.y[start:stop].copy()
        return arrays

    def labelled_arrays(self) -> dict[str, np.ndarray]:
        """The labelled subset of train, in stored order.

        Returns:
            {"x": float32 [labels, ...], "y": int32 [labels]}.
        """
        if self.labels is None:
            raise ValueError(refusal("labels", "an int, given to load", None))
        rows = self._rows("train", self._still)
        y: Any = rows.y  # a data set with a labelled subset has labels
        return {"x": scale(rows.x[self._subset]), "y": y[self._subset]}

    @property
    def labelled_indices(self) -> np.ndarray | None:
        """Rows of train, as stored, whose labels a method may see, int64 [labels]; None: all."""
        return None if self._subset is None else np.array(self._subset, np.int64)

    def with_all_labels(self) -> "Dataset":
        """This data set as it is without `labels`: a label for every example of train."""
        twin = copy.copy(self)
        twin.labels = twin._subset = None
        twin.description = self._content
        return twin

    def batches(self, split: str, batch_size: int) -> tf.data.Dataset:
        """One pass over a split in stored order, the remainder kept.

        Returns:
            A finite `tf.data.Dataset` of {"x"[, "y"]}.
        """
        checks.whole(batch_size, "batch_size")
        first, stop = self._range(split)
        rows, x = self._rows(split, self._still), self._tensor(split, self._still)

        @tf.autograph.experimental.do_not_convert  # takes a second, and there is nothing to do
        def batch(start: tf.Tensor) -> dict[str, tf.Tensor]:
            part = slice(start, tf.minimum(start + batch_size, stop))
            out = {"x": scale(x[part])}
            if labels is not None:
                out["y"] = labels[part]
            return {
                key: tf.ensure_shape(value, [None, *value.shape[1:]]) for key, value in out.items()
            }

        with tf.device("CPU:0"):
            labels = None if rows.y is None else tf.constant(rows.y)
            dataset = tf.data.Dataset.range(first, stop, batch_size)
            return _finish(dataset.map(batch))

    def check_training(
        self,
        batch_size: int,
        seed: int = 0,
        *,
        labelled_batch_size: int | None = None,
        workers: int = 1,
        validation_held_out: bool = False,
    ) -> int | None:
        """Refuses, in one line, what `train` would refuse of these arguments; builds nothing.

        Args:
            batch_size, seed, labelled_batch_size, workers, validation_held_out: those of `train`.

        Returns:
            Examples a step of the labelled subset; None if all examples have their labels.

        Raises:
            ValueError, TypeError: naming the argument.
        """
        self._train_size(batch_size, validation_held_out)
        checks.whole(seed, "seed", 0, 2**31 - 1)
        checks.whole(workers, "workers")
        _divisible("batch_size", batch_size, workers)
        if self.labels is None:
            if labelled_batch_size is not None:
                expected = "None, because `labels` was not given to load"
                raise ValueError(refusal("labelled_batch_size", expected, labelled_batch_size))
            return None
        if labelled_batch_size is None:
            labelled_batch_size = min(batch_size, self.labels)
        checks.whole(labelled_batch_size, "labelled_batch_size", 1, self.labels)
        _divisible("labelled_batch_size", labelled_batch_size, workers)
        return labelled_batch_size

    def train(
        self,
        batch_size: int,
        seed: int = 0,
        *,
        start_step: int = 0,
        labelled_batch_size: int | None = None,
        workers: int = 1,
        worker: int = 0,
        validation_held_out: bool = False,
    ) -> tf.data.Dataset:
        """Training batches without end; step s of a seed is always the same batch.

        Every epoch is a new permutation, a function of (seed, epoch), of which the last N mod
        batch_size examples are left out. Nothing has to be replayed to resume.

        Args:
            batch_size: B, of the global batch.
            seed: int in [0, 2^31).
            start_step: first step that is yielded.
            labelled_batch_size: examples a step of the labelled subset; by default batch_size,
                or all labelled ones if they are fewer. Only with `labels`.
            workers: number of worker processes W; divides the batch sizes.
            worker: which one this is: it gets rows [worker B / W, (worker + 1) B / W).
            validation_held_out: leave the validation rows out, where they belong to train.

        Returns:
            An infinite `tf.data.Dataset` of {"x"[, "y"]}; with `labels`, of {"x", "x_labelled",
            "y_labelled"}.

        Raises:
            ValueError, TypeError: an argument, before anything is built (`check_training`).
        """
        labelled_batch_size = self.check_training(
            batch_size,
            seed,
            labelled_batch_size=labelled_batch_size,
            workers=workers,
            validation_held_out=validation_held_out,
        )
        checks.whole(start_step, "start_step", 0)
        checks.whole(worker, "worker", 0, workers - 1)
        size = self._train_size(batch_size, validation_held_out)
        few: Any = labelled_batch_size  # an int where there is a subset
        x, y = self._tensor("train", self._in_training), self._rows("train", self._in_training).y
        shape = self.image_shape

        def mine(batch: tf.Tensor) -> tf.Tensor:
            """This worker's rows of something with a row for each of the global batch."""
            share = batch.shape[0] // workers
            return batch[worker * share : (worker + 1) * share]

        def stream(
            seed: int, step: tf.Tensor, count: int, size: int, subset: tf.Tensor | None = None
        ) -> tuple[tf.Tensor, tf.Tensor]:
            """Images [count / workers, ...] of a step, and their rows in the train split."""
            rows = mine(_order(seed, step, count, size))
            if subset is not None:
                rows = tf.gather(subset, rows)
            images = scale(tf.gather(x, rows))
            if self._binarise == "dynamic":
                step_seed = tf.stack([tf.constant(seed, tf.int64), step])
                noise = seeds.uniform([count, *shape], step_seed)
                images = tf.cast(mine(noise) < images, tf.float32)
            return images, rows

        @tf.autograph.experimental.do_not_convert
        def batch(step: tf.Tensor) -> dict[str, tf.Tensor]:
            images, rows = stream(seed, step, batch_size, size)
            out = {"x": images}
            if subset is not None:
                # ~seed is negative: no user's seed draws the same order.
                images, rows = stream(~seed, step, few, self.labels or 0, subset)
                out |= {"x_labelled": images, "y_labelled": tf.gather(labels, rows)}
            elif labels is not None:
                out["y"] = tf.gather(labels, rows)
            return out

        with tf.device("CPU:0"):
            labels = None if y is None else tf.constant(y)
            subset = None if self._subset is None else tf.constant(self._subset)
            steps = tf.data.Dataset.range(start_step, tf.int64.max)
            infinite = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
            steps = steps.apply(infinite)
            return _finish(steps.map(batch))

    @property
    def _still(self) -> str | None:
        """How images are binarised wherever a read must not depend on the step."""
        return "static" if self._binarise == "dynamic" else self._binarise

    @property
    def _in_training(self) -> str | None:
        """What is done to the stored training images; dynamic draws are made in the pipeline."""
        return None if self._binarise == "dynamic" else self._binarise

    def _range(self, split: str) -> tuple[int, int]:
        """A split as rows [start, stop) of what `_rows` returns."""
        if split not in self.splits:
            raise unknown("split", split, self.splits)
        stored = self._source.splits
        if split in stored:
            return 0, stored[split].size
        return stored["train"].size - self._source.validation, stored["train"].size

    def _train_size(self, batch_size: int, validation_held_out: bool) -> int:
        checks.whole(batch_size, "batch_size")
        size = self.size("train") - (self._source.validation if validation_held_out else 0)
        if batch_size > size:
            expected = f"at most the {size} training examples of {self.name}"
            raise ValueError(refusal("batch_size", expected, batch_size))
        return size

    def _rows(self, split: str, binarise: str | None) -> store.Rows:
        """`store.Rows` of a stored split; validation rows at the end of train are train's."""
        if split not in self._source.splits:
            return self._rows("train", binarise)
        source = self._source
        key = {"source": source.identity, "split": split, "binarise": binarise}
        transform = None
        if binarise is not None:
            seed = [_STATIC_SEED, zlib.crc32(f"{source.name}/{split}".encode())]
            transform = binariser(binarise, np.random.Generator(np.random.Philox(seed)))
        return store.collect(
            source.splits[split],
            source.shape,
            source.dtype if binarise is None else "uint8",
            key=key,
            cache_dir=self.cache_dir,
            memory_limit=self._memory_limit,
            transform=transform,
        )

    def _tensor(self, split: str, binarise: str | None) -> tf.Tensor:
        if split not in self._source.splits:
            return self._tensor("train", binarise)
        return self._rows(split, binarise).tensor()


def _order(seed: int, step: tf.Tensor, count: int, size: int) -> tf.Tensor:
    """Rows, int64 [count], of the global batch `step` of a stream over `size` examples."""
    per_epoch = size // count
    positions = step % per_epoch * count + tf.range(count, dtype=tf.int64)
    epoch = tf.stack([tf.constant(seed, tf.int32), tf.cast(step // per_epoch, tf.int32)])
    if size <= _SMALL:
        everything = tf.range(size, dtype=tf.int64)
        order = tf.random.experimental.stateless_shuffle(everything, epoch, alg="philox")
        return tf.gather(order, positions)
    # One length-2 seed for the vector: twenty times faster than a seed an element.
    return tf.random.experimental.index_shuffle(positions, epoch, tf.constant(size - 1, tf.int64))


def _finish(dataset: tf.data.Dataset) -> tf.data.Dataset:
    options = tf.data.Options()
    # Every worker asks for its own rows; sharding again would drop data.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    options.deterministic = True
    # Nothing here is for tuning, and the tuner's thread delays an iterator's end by its period, up
    # to a minute.
    options.autotune.enabled = False
    # Nor for rewriting, which would copy the whole of the data that the graph holds.
    options.experimental_optimization.apply_default_optimizations = False
    return dataset.with_options(options).prefetch(2)


def _divisible(argument: str, count: int, workers: int) -> None:
    if count % workers:
        raise ValueError(refusal(argument, f"a multiple of workers={workers}", count))
