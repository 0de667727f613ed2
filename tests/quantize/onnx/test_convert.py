"""Corners: what stays float, what is kept, what is refused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx_ir
import pytest
import torch
from int8_nets import IMAGE, NETS, ROWS, Tied, batches, error, exported, graph, made, tensors
from torch import Tensor, nn

from secateur.errors import ExportError, NumericalError
from secateur.graph.trace import trace
from secateur.quantize.onnx import to_int8

perceptron = NETS["perceptron"].make


class Raised(nn.Module):
    """A clip whose lower end is not zero."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.b(self.a(x).clamp(1, 2))
        return out


class Skip(nn.Module):
    """A residual connection that stays float."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.norm = nn.Linear(8, 8), nn.LayerNorm(8)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(x + self.layer(x))
        return out


CLIPS_AND_PADS: dict[str, Callable[[], nn.Module]] = {
    "a clip away from zero": Raised,
    "padding with zeros": lambda: nn.Sequential(nn.Conv2d(3, 4, 1), nn.ZeroPad2d(1), nn.Conv2d(4, 4, 3)),
    "padding with a value": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.ConstantPad2d(1, 9.0), nn.Conv2d(4, 4, 3)
    ),
    "padding with what is there": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.ReflectionPad2d(1), nn.Conv2d(4, 4, 3)
    ),
}


@pytest.mark.parametrize("name", CLIPS_AND_PADS)
def test_clips_and_padding(name: str) -> None:
    model = exported(made(CLIPS_AND_PADS[name]), IMAGE)
    assert error(model, to_int8(model, batches(IMAGE)), batches(IMAGE, 1)[0][0]) < 0.03


def test_a_residual_connection_in_float_is_not_rounded() -> None:
    """x enters the rounded matrix product and the float sum; with weights of zero the sum is x, exactly."""
    net = made(Skip)
    for parameter in net.get_submodule("layer").parameters():
        parameter.data.zero_()
    model = exported(net, ROWS)
    assert error(model, to_int8(model, batches(ROWS)), batches(ROWS, 1)[0][0]) < 1e-6


@pytest.mark.parametrize("size", [1e-9, 1e-30, 1e-42, 0.0])
def test_a_channel_whose_weights_died_still_answers_its_bias(size: float) -> None:
    """An int32 bias in steps of input_scale * weight_scale would overflow."""
    net = made(lambda: nn.Sequential(nn.Linear(8, 3), nn.ReLU(), nn.Linear(3, 2)))
    net.get_parameter("0.weight").data[1] = size
    net.get_parameter("0.bias").data[1] = 1.7
    net.get_parameter("2.weight").data[:] = torch.tensor([[0.5, 1.0, 0.5], [0.0, -1.0, 0.0]])
    model = exported(net, ROWS)
    assert error(model, to_int8(model, batches(ROWS)), batches(ROWS, 1)[0][0]) < 0.02


def test_a_layer_without_any_weight_left() -> None:
    net = made(perceptron)
    net.get_parameter("3.weight").data.zero_()
    model = exported(net, ROWS)
    int8 = to_int8(model, batches(ROWS))
    assert not tensors(int8)["3.weight_quantized"].any()
    assert error(model, int8, batches(ROWS, 1)[0][0]) < 0.02


@pytest.mark.parametrize("value", [0.0, 3.0, -1e-40])
def test_constant_activations(value: float) -> None:
    model, x = graph("residual"), np.full((2, *IMAGE), value, np.float32)
    assert error(model, to_int8(model, [[x]]), x) < 0.03


def test_one_value_in_one_batch() -> None:
    net = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1))
    for parameter in net.parameters():
        parameter.data[:] = 0.5
    model, x = exported(net, (1,)), np.array([[2.0]], np.float32)
    assert error(model, to_int8(model, [[x]]), x) < 0.02


def test_a_weight_that_something_else_reads_stays_float() -> None:
    model = onnx_ir.to_proto(trace(made(Tied), (torch.zeros(1, 5, dtype=torch.long),)))
    words = np.random.default_rng(0).integers(0, 11, (4, 5))
    int8 = to_int8(model, [[words]])
    stored = tensors(int8)
    assert [array.dtype for array in stored.values() if array.shape == (11, 8)] == [np.float32]
    assert stored["mix.weight_quantized"].dtype == np.int8
    assert error(model, int8, words) < 0.03


def test_a_transposed_convolution_stays_float_and_its_neighbour_does_not() -> None:
    net = nn.Sequential(nn.ConvTranspose2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1))
    stored = tensors(to_int8(exported(made(lambda: net), IMAGE), batches(IMAGE)))
    assert stored["0.weight"].dtype == np.float32
    assert stored["3.weight_quantized"].dtype == np.int8


def test_an_output_that_is_read_inside_too() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            x = torch.relu(self.a(x))
            return x, self.b(x)

    model = exported(made(Two), IMAGE)
    int8 = to_int8(model, batches(IMAGE))
    assert [value.name for value in int8.graph.output] == [value.name for value in model.graph.output]
    assert error(model, int8, batches(IMAGE, 1)[0][0]) < 0.03


@pytest.mark.parametrize(
    "make",
    [lambda: nn.BatchNorm1d(8), lambda: nn.Sequential(nn.ReLU(), nn.Softmax(1)), lambda: nn.Identity()],
)
def test_a_network_without_layers_says_so(make: Callable[[], nn.Module]) -> None:
    with pytest.raises(ExportError, match="Nothing in this network can be computed in int8: it has"):
        to_int8(exported(made(make), ROWS), batches(ROWS))


def test_an_empty_calibration_set_says_so() -> None:
    with pytest.raises(ExportError, match="calibration set is empty"):
        to_int8(graph("perceptron"), [])


def test_nan_in_a_calibration_batch_is_named() -> None:
    bad = batches(ROWS)
    bad[2][0][5, 3] = np.nan
    with pytest.raises(NumericalError, match="batch 2 makes the tensor 'input' hold 1 NaN"):
        to_int8(graph("perceptron"), bad)


def test_nan_in_a_weight_is_found() -> None:
    net = made(perceptron)
    net.get_parameter("3.weight").data[0, 0] = torch.nan
    with pytest.raises(NumericalError, match="'linear_1' hold 16 NaN"):
        to_int8(exported(net, ROWS), batches(ROWS))


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "method": ({"method": "kl"}, "method = 'kl' is unknown. Known: minmax, percentile, mse"),
    "scale's name": (
        {"weight_scales": {"0.wieght": np.ones(16)}},
        "weight_scales names '0.wieght', .*Did you mean '0.weight'",
    ),
    "range's name": ({"input_ranges": {"8.weight": (0, 1)}}, "input_ranges names '8.weight'"),
    "shape": (
        {"weight_scales": {"0.weight": np.ones(8)}},
        r"has the shape \(8,\), but the weight has 16 output channels",
    ),
    "zero": ({"weight_scales": {"0.weight": np.zeros(16)}}, "holds 0.0. Expected .*positive and finite"),
    "infinite": ({"weight_scales": {"0.weight": np.full(16, np.inf)}}, "holds inf"),
    "order": ({"input_ranges": {"0.weight": (1, -1)}}, r"is \(1, -1\). Expected two finite numbers"),
    "nan": ({"input_ranges": {"0.weight": (np.nan, 1)}}, "Expected two finite numbers"),
}


@pytest.mark.parametrize("case", WRONG)
def test_arguments_that_make_no_sense_are_named(case: str) -> None:
    arguments, message = WRONG[case]
    with pytest.raises(ExportError, match=message):
        to_int8(graph("perceptron"), batches(ROWS), **arguments)
