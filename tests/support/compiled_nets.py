"""Small networks for the compiler: odd sizes, zeros in every pattern, and what has none."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx_ir
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from secateur.graph.trace import trace

Arrays = list[NDArray[Any]]


class Residual(nn.Module):
    """Strides, odd images, a shortcut, and a depthwise layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 9, 3, stride=2, padding=1)
        self.deep = nn.Conv2d(9, 9, 3, padding=1, groups=9)
        self.point = nn.Conv2d(9, 9, 1)
        self.head = nn.Linear(9, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        x = torch.relu(x + self.point(torch.relu(self.deep(x))))
        y: Tensor = self.head(x.mean((2, 3)))
        return y


def zeroed(net: nn.Module, sparsity: float) -> nn.Module:
    """The smallest weights of each layer are 0; all of a layer's with 1."""
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.dim() > 1 and sparsity:
                count = round(sparsity * parameter.numel())
                parameter.view(-1)[parameter.abs().flatten().argsort()[:count]] = 0
    return net.eval()


def _dense() -> nn.Module:
    return nn.Sequential(nn.Linear(13, 7), nn.ReLU(), nn.Linear(7, 1))


def _one_pixel() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU(), nn.Conv2d(1, 3, 3, padding=1), nn.Flatten())


def _signal() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(2, 5, 4, stride=3, dilation=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(40, 3)
    )


NETS: Mapping[str, tuple[Callable[[], nn.Module], tuple[int, ...], float]] = {
    "residual": (Residual, (1, 3, 15, 13), 0.8),
    "dense layers": (Residual, (2, 3, 9, 7), 0.0),
    "nothing left": (Residual, (1, 3, 8, 8), 1.0),
    "linear": (_dense, (5, 13), 0.5),
    "one pixel": (_one_pixel, (1, 1, 1, 1), 0.3),
    "signal": (_signal, (1, 2, 28), 0.7),
}
"""Name -> network, shape of its input, part of its weights that is 0."""


def graph(name: str) -> tuple[onnx_ir.Model, Arrays]:
    """A network as a graph, and an input."""
    torch.manual_seed(0)
    make, shape, sparsity = NETS[name]
    x = torch.randn(shape)
    return trace(zeroed(make(), sparsity), (x,), any_batch=False), [x.numpy()]


def special(x: NDArray[Any]) -> NDArray[Any]:
    """With NaN and infinity among its elements."""
    x = x.copy()
    places = np.linspace(0, x.size - 1, 3).astype(int)
    x.reshape(-1)[places] = [np.nan, np.inf, -np.inf]
    return x
