"""Small modules with settings that are easily got wrong; PyTorch and ONNX Runtime say what is right."""

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

import secateur
from secateur.compiler.check import relative
from secateur.errors import CompileError
from secateur.network_file.read import as_graph
from secateur.network_file.run import caller


class Resized(nn.Module):
    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor) -> Any:
        return functional.interpolate(x, scale_factor=self.scale)


class LaterConvolution(nn.Module):
    """The sum of one convolution is added to by a later one, and to a third value."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor) -> Any:
        a, b = self.one(x), self.two(x)
        return a + functional.max_pool2d(x, 3, 1, 1) + b


MODULES: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "max, last window in padding": (nn.MaxPool2d(2, 3, 1, ceil_mode=True), (1, 2, 11, 11)),
    "max, one axis only": (nn.MaxPool2d(2, 3, 1, ceil_mode=True), (1, 2, 11, 10)),
    "max, a line": (nn.MaxPool1d(2, 3, 1, ceil_mode=True), (1, 2, 11)),
    "mean, last window in padding": (nn.AvgPool2d(2, 2, 1, ceil_mode=True), (1, 2, 7, 7)),
    "mean, behind the padding": (nn.AvgPool2d(3, 2, 1, ceil_mode=True), (1, 2, 8, 8)),
    **{f"nearest, {scale:.3f}": (Resized(scale), (1, 2, 12, 9)) for scale in (1.7, 1 / 3, 2 / 3, 4 / 3)},
    "two tiles of columns": (nn.Conv1d(8, 8, 3, dilation=128, padding=128), (1, 8, 256)),
    "four tiles of columns": (nn.Conv2d(4, 4, 3, dilation=(1, 128), padding=(1, 128)), (1, 4, 5, 512)),
    "a later convolution": (LaterConvolution(), (1, 3, 6, 6)),
}


@pytest.mark.parametrize("name", MODULES)
def test_answers_are_those_of_pytorch(name: str) -> None:
    torch.manual_seed(0)
    module, shape = MODULES[name]
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    x = torch.randn(shape)
    compiled = secateur.compile(nn.Sequential(module).eval(), example_inputs=(x,))
    np.testing.assert_allclose(compiled(x.numpy()), module(x).detach().numpy(), rtol=1e-4, atol=1e-4)


def old(nodes: list[onnx.NodeProto], opset: int, weights: dict[str, Any], version: int = 8) -> Any:
    """A graph of an old file, which lists its weights among its inputs where that had to be."""
    given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 3, 6, 6))]
    if version < 4:
        given += [helper.make_tensor_value_info(n, TensorProto.FLOAT, w.shape) for n, w in weights.items()]
    answer = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    stored = [numpy_helper.from_array(weight, name) for name, weight in weights.items()]
    graph = helper.make_graph(nodes, "old", given, [answer], stored)
    opsets = [helper.make_opsetid("", opset)]
    return as_graph(helper.make_model(graph, opset_imports=opsets, ir_version=version))


@pytest.mark.parametrize("version", [3, 8])
def test_bounds_and_weights_of_old_files(version: int) -> None:
    random = np.random.default_rng(0)
    weight = random.standard_normal((4, 3, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Clip", ["a"], ["y"], min=0.0, max=2.0),
    ]
    graph = old(nodes, 9, {"w": weight}, version)
    x = random.standard_normal((1, 3, 6, 6)).astype(np.float32)
    np.testing.assert_allclose(secateur.compile(graph)(x), caller(graph)([x])[0], rtol=1e-4, atol=1e-5)


def test_one_scale_for_all_channels_is_no_instance_normalization() -> None:
    one = np.ones(1, np.float32)
    graph = old([helper.make_node("InstanceNormalization", ["x", "s", "s"], ["y"])], 17, {"s": one})
    with pytest.raises(CompileError, match=r"of shape \[1\].* ask for \[3\]"):
        secateur.compile(graph)


def test_bytes_that_are_padded_by_reflection_are_refused_and_not_padded_with_zero() -> None:
    weights = {
        "scale": np.array(0.1, np.float32),
        "zero": np.array(128, np.uint8),
        "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        helper.make_node("Pad", ["q", "pads"], ["p"], mode="reflect"),
        helper.make_node("DequantizeLinear", ["p", "scale", "zero"], ["y"]),
    ]
    with pytest.raises(CompileError, match="operator QuantizeLinear"):
        secateur.compile(old(nodes, 18, weights))


def test_answers_of_another_shape_are_infinitely_far() -> None:
    assert relative(np.zeros((1, 4)), np.zeros((1, 5))) == np.inf
