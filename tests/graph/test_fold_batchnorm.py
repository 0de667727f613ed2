from collections.abc import Callable

import numpy as np
import onnx_ir
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from secateur.graph.batchnorm import fold_batchnorm_
from secateur.graph.trace import trace


def with_statistics(model: nn.Module, seed: int = 0) -> nn.Module:
    """BatchNorms as after training: every parameter and statistic matters, and some factors are negative."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean):
                assert tensor is not None
                tensor.data.normal_(generator=generator)
            assert module.running_var is not None
            module.running_var.uniform_(0.2, 2, generator=generator)
    return model.eval()


def exported(model: nn.Module, x: Tensor) -> onnx_ir.Model:
    return trace(model, (x,))


def answer(graph: onnx_ir.Model, x: Tensor) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(onnx_ir.to_proto(graph).SerializeToString())
    output: NDArray[np.float32] = session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]
    return output


def kinds(graph: onnx_ir.Model) -> list[str]:
    return [node.op_type for node in graph.graph]


IMAGE, VECTOR = (2, 4, 6, 6), (2, 4)
LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "convolution": (lambda: nn.Conv2d(4, 6, 3), IMAGE),
    "no bias": (lambda: nn.Conv2d(4, 6, 3, bias=False), IMAGE),
    "groups": (lambda: nn.Conv2d(4, 6, 3, groups=2), IMAGE),
    "depthwise": (lambda: nn.Conv2d(4, 4, 3, groups=4), IMAGE),
    "transposed": (lambda: nn.ConvTranspose2d(4, 6, 3), IMAGE),
    "transposed, groups": (lambda: nn.ConvTranspose2d(4, 6, 3, groups=2), IMAGE),
    "linear": (lambda: nn.Linear(4, 6), VECTOR),
    "linear, no bias": (lambda: nn.Linear(4, 6, bias=False), VECTOR),
}


@pytest.mark.parametrize("name", LAYERS)
def test_the_folded_network_answers_the_same(name: str) -> None:
    make, shape = LAYERS[name]
    torch.manual_seed(0)
    layer = make()
    channels = layer(torch.zeros(shape)).shape[1]
    norm = nn.BatchNorm1d(channels) if len(shape) == 2 else nn.BatchNorm2d(channels)
    model, x = with_statistics(nn.Sequential(layer, norm)), torch.randn(shape)
    graph = exported(model, x)
    assert "BatchNormalization" in kinds(graph)
    factors = fold_batchnorm_(graph)
    assert "BatchNormalization" not in kinds(graph)
    with torch.no_grad():
        np.testing.assert_allclose(answer(graph, x), model(x).numpy(), rtol=1e-5, atol=1e-5)
    assert norm.running_var is not None
    expected = norm.weight / (norm.running_var + norm.eps).sqrt()
    assert list(factors) == ["0.weight"]
    np.testing.assert_allclose(factors["0.weight"], expected.detach().numpy(), rtol=1e-6)
    assert bool((expected < 0).any())


def test_weights_keep_their_names_and_one_written_out() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2, eps=0.0)).eval()
    norm = model[1]
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.running_var is not None
    assert norm.running_mean is not None
    model[0].weight.data = torch.tensor([[1.0, 2.0], [3.0, 0.0]])
    model[0].bias.data = torch.tensor([1.0, 1.0])
    norm.weight.data = torch.tensor([3.0, -1.0])
    norm.bias.data = torch.tensor([0.5, 0.0])
    norm.running_var.data = torch.tensor([9.0, 0.25])
    norm.running_mean.data = torch.tensor([0.0, 2.0])
    graph = exported(model, torch.ones(2, 2))
    factors = fold_batchnorm_(graph)
    values = {
        name: value.const_value.numpy()
        for name, value in graph.graph.initializers.items()
        if value.const_value is not None
    }
    assert factors["0.weight"].tolist() == [1, -2]
    assert values["0.weight"].tolist() == [[1, 2], [-6, 0]]
    assert values["0.weight.folded_bias"].tolist() == [1.5, 2]


class Shared(nn.Module):
    """One convolution, twice, each time with a BatchNorm of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(4, 4, 1)
        self.first, self.second = nn.BatchNorm2d(4), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        """As described."""
        out: Tensor = self.second(self.layer(self.first(self.layer(x))))
        return out


class ReadTwice(nn.Module):
    """What enters the BatchNorm is used elsewhere, too."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.norm = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        """As described."""
        x = self.layer(x)
        out: Tensor = x + self.norm(x)
        return out


@pytest.mark.parametrize("make", [Shared, ReadTwice, lambda: nn.Sequential(nn.BatchNorm2d(4), nn.ReLU())])
def test_what_cannot_be_folded_stays(make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    model, x = with_statistics(make()), torch.randn(IMAGE)
    graph = exported(model, x)
    before = kinds(graph)
    assert fold_batchnorm_(graph) == {}
    assert kinds(graph) == before
    with torch.no_grad():
        np.testing.assert_allclose(answer(graph, x), model(x).numpy(), rtol=1e-5, atol=1e-5)


def test_no_subnormal_value_is_written() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).eval()
    model[0].weight.data = torch.tensor([[1.0, 1e-20], [0.0, 2.0]])
    model[1].weight.data = torch.tensor([1e-20, 1.0])
    graph = exported(model, torch.ones(2, 2))
    fold_batchnorm_(graph)
    weight = graph.graph.initializers["0.weight"].const_value
    assert weight is not None
    assert weight.numpy()[0, 1] == 0
    assert weight.numpy()[0, 0] > 0


def test_several_in_a_row_are_folded_one_after_the_other() -> None:
    torch.manual_seed(0)
    model = with_statistics(nn.Sequential(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), nn.BatchNorm2d(6)))
    x = torch.randn(IMAGE)
    graph, before = exported(model, x), model(x).detach().numpy()
    weight = model.get_parameter("0.weight").detach().numpy().astype(np.float64)
    factors = fold_batchnorm_(graph)
    assert kinds(graph) == ["Conv"]
    np.testing.assert_allclose(answer(graph, x), before, rtol=1e-4, atol=1e-4)
    folded = graph.graph.initializers["0.weight"].const_value
    assert folded is not None
    np.testing.assert_allclose(folded.numpy(), weight * factors["0.weight"][:, None, None, None], rtol=1e-5)
