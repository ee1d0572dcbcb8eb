"""What a step costs as things grow: the arithmetic that is counted, wider networks, the table."""

import pytest
import tensorflow as tf
from bench import arithmetic, growth

from zoo.networks import auto, stack


def test_arithmetic_is_that_of_products_and_convolutions():
    x, w = tf.ones([6, 5]), tf.ones([5, 4])
    image, kernel = tf.ones([2, 8, 8, 3]), tf.ones([3, 3, 3, 7])

    def computed():
        tf.linalg.matmul(x, x, transpose_b=True)  # nobody needs it: not counted
        return tf.linalg.matmul(x, w), tf.nn.conv2d(image, kernel, 1, "VALID")

    graph = tf.function(computed).get_concrete_function().graph
    # 6x4 sums over 5; 2x6x6x7 sums over 3x3x3; two operations a multiply-add.
    assert arithmetic.operations(graph) == 2 * 6 * 4 * 5 + 2 * (2 * 6 * 6 * 7) * 27


def test_gradients_of_convolutions_cost_as_much_as_they():
    image, kernel = tf.ones([2, 8, 8, 3]), tf.ones([3, 3, 3, 7])

    def slopes():
        with tf.GradientTape() as tape:
            tape.watch((image, kernel))
            loss = tf.reduce_sum(tf.nn.conv2d(image, kernel, 1, "VALID") ** 2)
        return tape.gradient(loss, (image, kernel))

    graph = tf.function(slopes).get_concrete_function().graph
    assert arithmetic.operations(graph) == 3 * 2 * (2 * 6 * 6 * 7) * 27


def test_wider_networks_have_wider_hidden_rows_only():
    table = auto.table((28, 28, 1))
    wide = growth.widened(table, 2)
    for role in ("encoder", "decoder"):
        for row, wider in zip(table.roles[role], wide.roles[role], strict=True):
            if isinstance(row, stack.Reshape):
                assert wider.shape == (*row.shape[:2], 2 * row.shape[2])
            else:
                assert wider.units == (None if row.units is None else 2 * row.units)
    assert wide.roles["discriminator"]["joint"][0].units == 1024
    assert growth.widened(table, 1) == table


def test_the_table_says_where_time_grows_faster_than_arithmetic():
    case = lambda case, **of: {"method": "vae", "case": case, "peak_mb": 900.0} | of
    found = [
        case([28, 100, 1], seconds=0.1, operations=2e9),
        case([64, 100, 1], seconds=0.6, operations=8e9),
    ]
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in growth.table(found, threads=2).splitlines()
        if line.startswith("| vae")
    ]
    assert rows[0][1:] == ["28x28, batch 100, width 1", "100.0", "2.00", "1", "1", "1", "900 MB"]
    assert rows[1][2:7] == ["600.0", "8.00", "6.00", "4.00", "1.50"]


@pytest.mark.every
@pytest.mark.parametrize("method", ["vae", "wgan_gp", "real_nvp", "pixel_cnn"])
def test_models_of_every_kind_widen(method):
    narrow, wide = (growth.model_of(method, 28, width).count_params() for width in (1, 2))
    assert 1.5 * narrow < wide < 4.0 * narrow
