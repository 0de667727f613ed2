from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from int8_nets import answer, batches, error, exported, made, tensors
from torch import nn

from secateur.quantize.onnx import to_int8


def channels_at_run_time(model: onnx.ModelProto, folder: Path) -> list[int]:
    """Of the weights of the convolutions, in order, as ONNX Runtime has them."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    onnxruntime.InferenceSession(model.SerializeToString(), options)
    graph = onnx.load(options.optimized_model_filepath).graph
    weights = tensors(onnx.ModelProto(graph=graph))
    makers = {node.output[0]: node for node in graph.node}
    return [weights[makers[n.input[1]].input[0]].shape[1] for n in graph.node if n.op_type == "Conv"]


@pytest.mark.parametrize(
    ("channels", "groups", "expected"), [(3, 1, 4), (7, 1, 8), (1, 1, 1), (4, 1, 4), (6, 2, 3), (2, 1, 2)]
)
def test_three_channels_become_four(channels: int, groups: int, expected: int, tmp_path: Path) -> None:
    """And seven eight; but where half of them or more were new, or groups would shift, nothing is done."""
    shape = (channels, 8, 8)
    model = exported(made(lambda: nn.Conv2d(channels, 4, 3, groups=groups)), shape)
    int8 = to_int8(model, batches(shape))
    assert channels_at_run_time(int8, tmp_path) == [expected]
    assert tensors(int8)["weight_quantized"].shape == (4, channels // groups, 3, 3)
    assert error(model, int8, batches(shape, 1, seed=1)[0][0]) < 0.03


def test_what_an_int8_layer_computed_is_left_alone(tmp_path: Path) -> None:
    shape = (4, 8, 8)
    net = made(lambda: nn.Sequential(nn.Conv2d(4, 3, 3), nn.ReLU(), nn.Conv2d(3, 4, 3)))
    assert channels_at_run_time(to_int8(exported(net, shape), batches(shape)), tmp_path) == [4, 3]


def test_the_answer_is_that_of_the_three_channels() -> None:
    """Weights and inputs on the grid, so that int8 is exact: each output counts the ones of a 3x3x3 cube."""
    net = nn.Conv2d(3, 1, 3, bias=False)
    net.weight.data[:] = 1
    x = np.random.default_rng(0).integers(0, 2, (2, 3, 6, 6)).astype(np.float32)
    int8 = to_int8(exported(net, (3, 6, 6)), [[np.full_like(x, 1)]], method="minmax")
    counted = sum(x[:, :, i : i + 4, j : j + 4] for i in range(3) for j in range(3))
    np.testing.assert_allclose(answer(int8, x), np.sum(counted, axis=1, keepdims=True), atol=27 / 255)
