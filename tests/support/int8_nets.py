"""Networks that int8 has to cope with, and what the tests of it need to look at the result."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from secateur.core.exact_int8 import exact_session
from secateur.graph.trace import trace

Array = NDArray[Any]
Shape = tuple[int, ...]


class Residual(nn.Module):
    """Two convolutions with BatchNorm around a shortcut, as in ResNet, then a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.stem_norm = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.conv1, self.norm1 = nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.conv2, self.norm2 = nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of images."""
        x = torch.relu(self.stem_norm(self.stem(x)))
        y = self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))
        out: Tensor = self.head(torch.relu(x + y).mean((2, 3)))
        return out


class Attention(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(16), nn.LayerNorm(16)
        self.mix = nn.MultiheadAttention(16, 4, batch_first=True)
        self.feed = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))

    def forward(self, x: Tensor) -> Tensor:
        """Sequences of vectors."""
        y = self.norm1(x)
        x = x + self.mix(y, y, y, need_weights=False)[0]
        out: Tensor = x + self.feed(self.norm2(x))
        return out


class Recurrent(nn.Module):
    """A GRU between two linear layers."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.gru, self.after = nn.Linear(8, 8), nn.GRU(8, 8, batch_first=True), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Of sequences, the last step."""
        out: Tensor = self.after(self.gru(self.before(x))[0][:, -1])
        return out


class Shuffle(nn.Module):
    """Channels split, mixed and joined, as in ShuffleNet."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.part, self.last = (
            nn.Conv2d(3, 8, 1),
            nn.Conv2d(4, 4, 3, padding=1),
            nn.Conv2d(8, 4, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Of images."""
        left, right = torch.relu(self.first(x)).chunk(2, 1)
        out: Tensor = self.last(torch.cat([left, self.part(right)], 1))
        return out


class Tied(nn.Module):
    """The embedding is the output layer's weight, too."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.mix, self.out = nn.Embedding(11, 8), nn.Linear(8, 8), nn.Linear(8, 11, bias=False)
        self.out.weight = self.embed.weight

    def forward(self, x: Tensor) -> Tensor:
        """Logits of words."""
        out: Tensor = self.out(torch.relu(self.mix(self.embed(x))))
        return out


def depthwise() -> nn.Module:
    return nn.Sequential(
        *[nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU6()],
        *[nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False), nn.BatchNorm2d(8), nn.ReLU6()],
        *[nn.Conv2d(8, 16, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU6(), nn.MaxPool2d(2)],
        *[nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 4)],
    )


def perceptron() -> nn.Module:
    return nn.Sequential(
        nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 4)
    )


def on_sequences() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 16, bias=False), nn.ReLU(), nn.Linear(16, 4))


def one_dimension() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(3, 8, 3),
        nn.BatchNorm1d(8),
        nn.ReLU(),
        nn.Conv1d(8, 8, 3, groups=8),
        nn.Flatten(),
        nn.Linear(96, 4),
    )


@dataclass(frozen=True)
class Net:
    """A network, the shape of one input, and the kernels by which ONNX Runtime is to run it in int8.

    Attributes:
        uses: all of these.
        not_uses: none of these, which a graph has where Q and DQ did not join their neighbours.
    """

    make: Callable[[], nn.Module]
    shape: Shape
    uses: set[str]
    not_uses: set[str]


IMAGE, ROWS = (3, 16, 16), (8,)
NETS = {
    "residual": Net(Residual, IMAGE, {"QLinearConv", "QLinearAdd", "QGemm"}, {"Conv", "Add", "Relu", "Gemm"}),
    "depthwise": Net(depthwise, IMAGE, {"QLinearConv", "QGemm"}, {"Conv", "Clip", "BatchNormalization"}),
    "perceptron": Net(perceptron, ROWS, {"QGemm"}, {"Gemm", "Relu", "DequantizeLinear"}),
    "on sequences": Net(on_sequences, (5, 8), {"QLinearMatMul", "MatMulIntegerToFloat"}, {"MatMul", "Relu"}),
    "attention": Net(Attention, (5, 16), {"MatMulIntegerToFloat", "QGemm"}, {"Gemm", "DequantizeLinear"}),
    "recurrent": Net(Recurrent, (5, 8), {"MatMulIntegerToFloat", "QGemm", "GRU"}, {"MatMul", "Gemm"}),
    "shuffle": Net(Shuffle, IMAGE, {"QLinearConv", "QLinearConcat"}, {"Conv", "Relu", "Concat"}),
    "one dimension": Net(one_dimension, (3, 16), {"QLinearConv", "QGemm"}, {"Conv", "Gemm"}),
}


def made(make: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    """With statistics and factors of either sign in its BatchNorms, and half of each weight removed."""
    torch.manual_seed(seed)
    model = make().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.weight.data.uniform_(0.5, 1.5).mul_(
                torch.where(torch.rand_like(module.weight) < 0.3, -1, 1)
            )
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data[torch.rand_like(parameter) < 0.5] = 0
    return model


def exported(model: nn.Module, shape: Shape) -> onnx.ModelProto:
    return onnx_ir.to_proto(trace(model, (torch.zeros(1, *shape),)))


@cache
def network(name: str) -> nn.Module:
    """One of `NETS`, the same for all tests: they may not alter it."""
    return made(NETS[name].make)


@cache
def graph(name: str) -> onnx.ModelProto:
    """Its float graph, the same for all tests."""
    return exported(network(name), NETS[name].shape)


def batches(shape: Shape, count: int = 4, size: int = 16, seed: int = 0) -> list[list[Array]]:
    random = np.random.default_rng(seed)
    return [[random.standard_normal((size, *shape)).astype(np.float32)] for _ in range(count)]


def answer(model: onnx.ModelProto, x: Array) -> Array:
    session = exact_session(model.SerializeToString())
    output: Array = session.run(None, {session.get_inputs()[0].name: x})[0]
    return output


def error(float_: onnx.ModelProto, int8: onnx.ModelProto, x: Array) -> float:
    """Relative to the size of the outputs."""
    wanted = answer(float_, x)
    return float(np.linalg.norm(answer(int8, x) - wanted) / np.linalg.norm(wanted))


def kernels(model: onnx.ModelProto, folder: Path) -> set[str]:
    """The operators that ONNX Runtime makes of the model."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(model.SerializeToString(), options)
    return {node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node}


def tensors(model: onnx.ModelProto) -> dict[str, Array]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
