"""A function a stage, and the one place that tells Keras what trains."""

import numpy as np

from tests import small
from zoo import staged


class Two(small.Bound):
    """Another stage from step 3 on; each trace notes the stage that it was made in."""

    stage_starts = (3,)

    def train_step(self, data):
        self.seen.append(self.stage)
        return super().train_step(data)


def a_model():
    model = Two(image_shape=(2,), latent_dim=2, decoder_output="normal")
    model.compile()
    model.seen = []
    return model


def test_each_stage_is_made_once_when_its_first_step_comes():
    model, made = a_model(), []

    def make():
        made.append(model.stage)
        return lambda stage=model.stage: stage

    function = staged.Staged(model, make)
    found = []
    for step in range(5):
        model.step.assign(step)
        found.append(function())
    assert found == [0, 0, 0, 1, 1] and made == [0, 1]


def test_keras_step_is_a_trace_of_its_own_and_leaves_the_models():
    model, x = a_model(), np.zeros((4, 2), np.float32)
    model.train_function = kept = object()
    function = staged.keras_step(model)
    assert model.train_function is kept and callable(function) and function is not kept
    model.train_function = None
    each = staged.Staged(model, lambda: staged.keras_step(model))
    with staged.trained_by(model, each):
        model.fit(x, batch_size=1, epochs=2, verbose=0, shuffle=False)
    assert int(model.step.value) == 8 and model.seen == [0, 1]


def test_fit_is_its_own_again_after_the_block():
    model, x, calls = a_model(), np.zeros((4, 2), np.float32), []

    def function(iterator):
        calls.append(next(iterator))
        return {"model_loss": 1.0}

    with staged.trained_by(model, function):
        model.fit(x, batch_size=4, epochs=3, verbose=0)
    assert len(calls) == 3 and int(model.step.value) == 0
    assert model.train_function is None
    model.fit(x, batch_size=4, verbose=0)
    assert int(model.step.value) == 1
