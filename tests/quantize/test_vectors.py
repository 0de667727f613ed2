from collections.abc import Iterable

import ml_dtypes
import numpy as np
import onnx_ir
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from secateur.graph.trace import trace
from secateur.quantize.vectors import round_, settle_batchnorm_

Array = NDArray[np.float32]


class TwoNorms(nn.Module):
    """Two normalisations of one width and one of another, all with statistics of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow, self.wide = nn.Conv2d(2, 3, 1), nn.Conv2d(3, 5, 1, bias=False)
        self.first, self.second, self.last = nn.BatchNorm2d(3), nn.BatchNorm2d(3), nn.BatchNorm2d(5, eps=0.3)
        for norm in (self.first, self.second, self.last):
            scatter(norm.parameters())
            scatter(t for t in norm.buffers() if t.is_floating_point())

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu(self.second(self.first(self.narrow(x))))
        answer: Tensor = self.last(self.wide(hidden))
        return answer


def scatter(tensors: Iterable[Tensor]) -> None:
    with torch.no_grad():
        for tensor in tensors:
            tensor.copy_(torch.rand_like(tensor) + 0.2)


def arrays(model: onnx_ir.Model) -> dict[str, Array]:
    found = model.graph.initializers.items()
    return {str(name): value.const_value.numpy() for name, value in found if value.const_value is not None}


def answer(model: onnx_ir.Model, x: Tensor) -> Array:
    proto = onnx_ir.to_proto(model).SerializeToString()
    session = onnxruntime.InferenceSession(proto, providers=["CPUExecutionProvider"])
    [y] = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    array: Array = y
    return array


@pytest.fixture
def norms() -> TwoNorms:
    torch.manual_seed(0)
    return TwoNorms().eval()


def test_batchnorm_answers_the_same_with_two_numbers_per_channel(norms: TwoNorms) -> None:
    x = torch.randn(2, 2, 4, 4)
    graph = trace(norms, (x[:1],))
    changed = settle_batchnorm_(graph.graph)
    expected = norms(x).detach().numpy()
    assert np.abs(answer(graph, x) - expected).max() < 1e-6 * np.abs(expected).max()
    assert changed == {
        f"{norm}.{part}" for norm in ("first", "second", "last") for part in ("weight", "bias")
    }


def test_the_new_scale_and_bias_are_those_of_the_formula(norms: TwoNorms) -> None:
    graph = trace(norms, (torch.randn(1, 2, 4, 4),))
    settle_batchnorm_(graph.graph)
    norm = norms.last
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight.double() / (norm.running_var.double() + 0.3).sqrt()
    bias = norm.bias.double() - norm.running_mean.double() * scale
    stored = arrays(graph)
    assert stored["last.weight"] == pytest.approx(scale.float().detach().numpy(), rel=1e-6)
    assert stored["last.bias"] == pytest.approx(bias.float().detach().numpy(), rel=1e-6)


def test_layers_of_one_width_share_their_mean_and_variance(norms: TwoNorms) -> None:
    graph = trace(norms, (torch.randn(1, 2, 4, 4),))
    settle_batchnorm_(graph.graph)
    stored = arrays(graph)
    assert not [name for name in stored if "running" in name]
    assert {name: array.tolist() for name, array in stored.items() if name.startswith("batchnorm")} == {
        "batchnorm.mean.3": [0, 0, 0],
        "batchnorm.var.3": [1, 1, 1],
        "batchnorm.mean.5": [0] * 5,
        "batchnorm.var.5": [1] * 5,
    }


def test_once_more_changes_nothing(norms: TwoNorms) -> None:
    graph = trace(norms, (torch.randn(1, 2, 4, 4),))
    settle_batchnorm_(graph.graph)
    once = {name: array.copy() for name, array in arrays(graph).items()}
    settle_batchnorm_(graph.graph)
    assert all(np.array_equal(array, once[name]) for name, array in arrays(graph).items())


def test_tensors_that_something_else_reads_are_left_alone(norms: TwoNorms) -> None:
    class Shares(nn.Module):
        """The scale of the first normalisation is added to its output, too."""

        def __init__(self) -> None:
            super().__init__()
            self.norms = norms

        def forward(self, x: Tensor) -> Tensor:
            total: Tensor = self.norms(x) + self.norms.first.weight.sum()
            return total

    x = torch.randn(2, 2, 4, 4)
    graph = trace(Shares(), (x[:1],))
    before = arrays(graph)["norms.first.weight"].copy()
    changed = settle_batchnorm_(graph.graph)
    assert not [name for name in changed if "first" in name]
    assert np.array_equal(arrays(graph)["norms.first.weight"], before)
    assert np.allclose(answer(graph, x), Shares()(x).detach().numpy(), atol=1e-5)


def test_a_normalisation_without_scale_and_bias_answers_the_same() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3, affine=False), nn.BatchNorm1d(3, affine=False))
    scatter(t for t in model.buffers() if t.is_floating_point())
    x = torch.randn(5, 4)
    graph = trace(model.eval(), (x[:1],))
    settle_batchnorm_(graph.graph)
    assert np.allclose(answer(graph, x), model(x).detach().numpy(), atol=1e-5)


def linear() -> onnx_ir.Model:
    model = nn.Linear(2, 3).eval()
    with torch.no_grad():
        model.bias.copy_(torch.tensor([257.0, 1e38, -0.0]))
        model.weight.fill_(257.0)
    return trace(model, (torch.zeros(1, 2),))


def test_named_vectors_are_rounded_and_others_are_not() -> None:
    graph = linear()
    round_(graph.graph, {"bias", "no such name"}, "bfloat16")
    stored = arrays(graph)
    assert stored["bias"].dtype == np.float32
    assert stored["bias"].tolist() == [256.0, float(ml_dtypes.bfloat16(1e38)), 0.0]
    assert stored["weight"].tolist() == [[257.0, 257.0]] * 3


def test_float16_clips_and_float32_changes_nothing() -> None:
    graph = linear()
    round_(graph.graph, {"bias"}, "float32")
    assert arrays(graph)["bias"].tolist() == [257.0, np.float32(1e38), 0.0]
    round_(graph.graph, {"bias"}, "float16")
    assert arrays(graph)["bias"].tolist() == [257.0, 65504.0, 0.0]


def test_whole_numbers_stay_whole_numbers() -> None:
    graph = linear()
    value = graph.graph.initializers["bias"]
    value.const_value = onnx_ir.tensor(np.array([2**53 + 1, 1, 2]), name="bias")
    value.type = onnx_ir.TensorType(onnx_ir.DataType.INT64)
    round_(graph.graph, {"bias"}, "bfloat16")
    assert arrays(graph)["bias"].tolist() == [2**53 + 1, 1, 2]
