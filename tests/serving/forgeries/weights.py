"""Weights that are missing, cut, of other shapes, or that describe other objects."""

import os
import shutil

import numpy as np
from tensorflow.core.protobuf import trackable_object_graph_pb2

from tests.serving.forgeries import of

WEIGHTS, IGNORED = {}, {}


@of(WEIGHTS)
def no_weights(e):
    shutil.rmtree(e.path / "variables")
    e.resign()


for name, part in {"data": "variables.data-00000-of-00001", "index": "variables.index"}.items():

    @of(WEIGHTS, f"cut_{name}")
    def cut(e, part=part):
        path = e.path / "variables" / part
        os.truncate(path, path.stat().st_size // 2)
        e.resign()

    @of(WEIGHTS, f"noise_for_{name}")
    def noise(e, part=part):
        path = e.path / "variables" / part
        path.write_bytes(np.random.default_rng(0).bytes(path.stat().st_size))
        e.resign()


def first(tensors):
    return next(key for key in tensors if "VARIABLE_VALUE" in key)


@of(WEIGHTS)
def a_missing_tensor(e):
    e.rewrite_weights(lambda tensors: tensors.pop(first(tensors)))


@of(WEIGHTS)
def a_tensor_of_another_shape(e):
    e.rewrite_weights(lambda t: t.update({first(t): np.zeros([3, 1, 4], np.float32)}))


@of(WEIGHTS)
def a_tensor_of_texts(e):
    e.rewrite_weights(lambda t: t.update({first(t): np.array([b"x"])}))


def rewrite_objects(e, change):
    """Changes the objects as the checkpoint, not the SavedModel, describes them."""

    def rewrite(tensors):
        key = "_CHECKPOINTABLE_OBJECT_GRAPH"
        graph = trackable_object_graph_pb2.TrackableObjectGraph.FromString(tensors[key])
        change(graph.nodes)
        tensors[key] = graph.SerializeToString()

    e.rewrite_weights(rewrite)


@of(IGNORED)
def a_registered_saver_of_the_checkpoint(e):
    saver = {"name": "Custom.Mine", "object_name": "x"}
    rewrite_objects(e, lambda nodes: nodes[0].registered_saver.MergeFrom(
        trackable_object_graph_pb2.RegisteredSaver(**saver)
    ))  # fmt: skip


@of(IGNORED)
def slots_of_the_checkpoint(e):
    def add(nodes):
        values = [child.node_id for child in nodes[nodes[0].children[0].node_id].children]
        slot = nodes[0].slot_variables.add(slot_name="m")
        slot.original_variable_node_id, slot.slot_variable_node_id = values[:2]

    rewrite_objects(e, add)
