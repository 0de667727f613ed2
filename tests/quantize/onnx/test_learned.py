"""Grids and ranges that training found arrive in the file."""

import numpy as np
import onnx
import torch
from int8_nets import IMAGE, ROWS, answer, batches, exported, graph, made, tensors
from torch import Tensor, nn

from secateur.quantize.onnx import to_int8


def levels_of(model: onnx.ModelProto, tensor: str) -> tuple[float, int]:
    """Width of a step, to 6 digits, and zero point of an activation."""
    stored = tensors(model)
    return float(f"{stored[f'{tensor}_scale']:.6g}"), int(stored[f"{tensor}_zero_point"])


def test_the_given_scale_times_the_factor_is_stored() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2, eps=0)).eval()
    net[0].weight.data = torch.tensor([[0.5, -0.25], [3.0, 0.0]])
    net[1].weight.data = torch.tensor([2.0, -4.0])
    scales = {"0.weight": np.array([0.25, 0.5], np.float32)}
    stored = tensors(to_int8(exported(net, (2,)), batches((2,)), weight_scales=scales))
    assert stored["0.weight_scale"].tolist() == [0.5, 2]
    assert stored["0.weight_quantized"].tolist() == [[2, -1], [-6, 0]]


def test_levels_beyond_127_are_cut() -> None:
    net = nn.Linear(2, 1)
    net.weight.data = torch.tensor([[0.3, -1.0]])
    scales = {"weight": np.array([0.005], np.float32)}
    stored = tensors(to_int8(exported(net, (2,)), batches((2,)), weight_scales=scales))
    assert stored["weight_quantized"].tolist() == [[60, -127]]


def test_the_learned_range_of_a_layers_input_is_used() -> None:
    int8 = to_int8(
        graph("perceptron"), batches(ROWS), input_ranges={"0.weight": (-2.0, 3.1), "3.weight": (0.0, 0.51)}
    )
    assert levels_of(int8, "input") == (0.02, 100)
    assert levels_of(int8, "relu") == (0.002, 0)


def test_a_learned_range_passes_through_pooling_and_ends_where_relu_does() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(196, 2))
    int8 = to_int8(
        exported(made(lambda: net), IMAGE), batches(IMAGE), input_ranges={"4.weight": (-1.0, 0.51)}
    )
    assert levels_of(int8, "relu") == (0.002, 0)
    x = batches(IMAGE, 1)[0][0]
    with torch.no_grad():
        clipped = net[4](net[:4](torch.from_numpy(x)).clamp(max=0.51)).numpy()
    np.testing.assert_allclose(answer(int8, x), clipped, atol=0.02)


def test_a_learned_range_beyond_a_clip_ends_there() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU6(), nn.Conv2d(4, 4, 3))
    int8 = to_int8(exported(made(lambda: net), IMAGE), batches(IMAGE), input_ranges={"2.weight": (-1.0, 7.0)})
    assert levels_of(int8, "hardtanh") == (float(f"{6 / 255:.6g}"), 0)


def test_readers_of_one_tensor_share_the_widest_of_their_ranges() -> None:
    class Fork(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(8, 4), nn.Linear(8, 4)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.a(x) + self.b(x)
            return out

    ranges = {"a.weight": (-1.0, 0.5), "b.weight": (-0.5, 1.55)}
    int8 = to_int8(exported(made(Fork), ROWS), batches(ROWS), input_ranges=ranges)
    assert levels_of(int8, "x") == (0.01, 100)
