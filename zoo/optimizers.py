"""Adam in one fused kernel a variable."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("zoo")
class FusedAdam(keras.optimizers.Adam):
    """`keras.optimizers.Adam`, its update done by one kernel instead of a dozen passes over each
    variable.

    The same slots, the same configuration, the same update to rounding:

        m += (1 - beta_1) (g - m);  v += (1 - beta_2) (g^2 - v)
        w -= lr sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

    Reference: Kingma and Ba, arXiv 1412.6980, end of section 2.
    """

    def update_step(
        self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor
    ) -> None:
        index = self._get_variable_index(variable)
        m, v = self._momentums[index], self._velocities[index]
        if (
            self.amsgrad
            or isinstance(gradient, tf.IndexedSlices)
            or not hasattr(variable, "handle")
        ):
            super().update_step(gradient, variable, learning_rate)
            return
        dtype = variable.dtype
        step = tf.cast(self.iterations + 1, dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=_handle(m, variable),
            v=_handle(v, variable),
            beta1_power=tf.cast(self.beta_1, dtype) ** step,
            beta2_power=tf.cast(self.beta_2, dtype) ** step,
            lr=tf.cast(learning_rate, dtype),
            beta1=tf.cast(self.beta_1, dtype),
            beta2=tf.cast(self.beta_2, dtype),
            epsilon=tf.cast(self.epsilon, dtype),
            grad=tf.cast(gradient, dtype),
        )


def _handle(slot: keras.Variable, variable: tf.Variable) -> tf.Tensor:
    """The slot's resource on the device of `variable`, which may be one replica's copy."""
    slot = slot.value
    return (
        slot.handle
        if not hasattr(slot, "_get_on_device_or_primary")
        else slot._get_on_device_or_primary().handle
    )
