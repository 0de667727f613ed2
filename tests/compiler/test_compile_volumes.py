"""Convolutions and poolings over three axes, against ONNX Runtime."""

import pytest
import torch
from operators import check, numbers
from torch import Tensor, nn

import secateur.compiler
from secateur.compiler.check import difference
from secateur.graph.trace import trace


def test_convolutions() -> None:
    check(
        "Conv(x, w, b); Conv<pads=[1, 0, 2, 2, 1, 0], strides=[2, 1, 2]>(x, w); "
        "Conv<dilations=[2, 1, 1], pads=[2, 1, 1, 2, 1, 1]>(x, w, b); "
        "Conv<group=2, pads=[1, 1, 1, 1, 1, 1]>(x, g); "
        "Conv(x, flat); Conv<strides=[3, 2, 2]>(x, flat); Conv(x, deep, b)",
        x=numbers(2, 4, 7, 6, 9),
        constants={
            "w": numbers(5, 4, 3, 2, 3, seed=1),
            "b": numbers(5, seed=2),
            "g": numbers(6, 2, 3, 3, 3, seed=3),
            "flat": numbers(3, 4, 1, 3, 3, seed=4),
            "deep": numbers(5, 4, 3, 1, 1, seed=5),
        },
    )


@pytest.mark.parametrize("ceil", [0, 1])
def test_poolings(ceil: int) -> None:
    kinds = ["kernel_shape=[2, 3, 2]", "kernel_shape=[3, 3, 3], strides=[2, 2, 1], pads=[1, 1, 1, 0, 1, 1]"]
    texts = [f"MaxPool<{kind}, ceil_mode={ceil}>(x)" for kind in kinds]
    texts += [
        f"AveragePool<{kind}, ceil_mode={ceil}, count_include_pad={count}>(x)"
        for kind in kinds
        for count in (0, 1)
    ]
    check("; ".join(texts), x=numbers(2, 3, 7, 6, 9))


class Clip(nn.Module):
    """A block of a video network: normalised, with a shortcut that is added before the activation."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv3d(3, 8, (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False), nn.BatchNorm3d(8)
        )
        self.spatial = nn.Conv3d(8, 8, (1, 3, 3), padding=(0, 1, 1))
        self.temporal = nn.Conv3d(8, 8, (3, 1, 1), padding=(1, 0, 0))
        self.pool = nn.AdaptiveAvgPool3d(1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        x = torch.relu(x + self.temporal(torch.relu(self.spatial(x))))
        y: Tensor = self.pool(x).flatten(1)
        return y


@pytest.mark.parametrize("batch", [1, 2])
def test_a_block_of_a_video_network(batch: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(batch, 3, 5, 20, 18)
    graph = trace(Clip().eval(), (x,), any_batch=False)
    assert difference(secateur.compiler.compile(graph), graph, [x.numpy()]) < 1e-5
