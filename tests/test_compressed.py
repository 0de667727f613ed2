"""The graph that a shared or quantised network is saved as."""

import copy
from dataclasses import replace

import ml_dtypes
import numpy as np
import onnx_ir
import pytest
import torch
from numpy.typing import NDArray
from tiny import Tiny
from torch import Tensor, nn

from secateur import Codebook, Compression, Half
from secateur.compressed import compressed_graph
from secateur.graph.trace import trace, with_weights_of
from secateur.graph.weights import names_among
from secateur.recovery.constraint import Grids

OPTIONS = Compression(method=Codebook(), vectors="bfloat16")


class Tied(nn.Module):
    """A weight with two names, and a layer that nothing calls."""

    def __init__(self) -> None:
        super().__init__()
        self.inward, self.outward = nn.Linear(4, 4), nn.Linear(4, 4)
        self.outward.weight = self.inward.weight
        self.unused = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.outward(torch.tanh(self.inward(x)))
        return answer


@pytest.fixture(scope="module")
def task() -> Tiny:
    return Tiny()


@pytest.fixture(scope="module")
def traced(task: Tiny) -> onnx_ir.Model:
    return trace(task.model, task.example_inputs)


def arrays(traced: onnx_ir.Model, model: nn.Module, options: Compression) -> dict[str, NDArray[np.float32]]:
    graph = with_weights_of(traced, model)
    made = compressed_graph(graph, model, options, scales={}, ranges={}, calibration=[])
    found = made.graph.initializers.items()
    return {str(name): value.const_value.numpy() for name, value in found if value.const_value is not None}


def is_bfloat16(array: NDArray[np.float32]) -> bool:
    return bool(np.array_equal(array.astype(ml_dtypes.bfloat16).astype(np.float32), array))


def test_weights_stay_as_they_were_trained_and_vectors_are_rounded(task: Tiny, traced: onnx_ir.Model) -> None:
    found = arrays(traced, task.model, OPTIONS)
    for name in ("0.weight", "5.weight"):
        assert np.array_equal(found[name], task.model.get_parameter(name).detach().numpy())
        assert not is_bfloat16(found[name])
    for name in ("1.weight", "1.bias", "5.bias"):
        assert is_bfloat16(found[name]), name
    assert np.allclose(found["5.bias"], task.model.get_parameter("5.bias").detach().numpy(), rtol=2**-8)


def test_float32_vectors_are_exact(task: Tiny, traced: onnx_ir.Model) -> None:
    found = arrays(traced, task.model, replace(OPTIONS, vectors="float32"))
    assert np.array_equal(found["5.bias"], task.model.get_parameter("5.bias").detach().numpy())
    assert not is_bfloat16(found["5.bias"])


def test_no_weight_is_rounded_once_more_whether_it_is_skipped_or_not(
    task: Tiny, traced: onnx_ir.Model
) -> None:
    found = arrays(traced, task.model, replace(OPTIONS, method=Half(), skip=("5.*",)))
    assert np.array_equal(found["5.weight"], task.model.get_parameter("5.weight").detach().numpy())


def test_grids_go_by_the_names_of_the_graph_and_unused_ones_are_left_out() -> None:
    graph = trace(Tied().eval(), (torch.zeros(1, 4),))
    names = names_among(Tied(), graph.graph.initializers)
    assert names == {"inward.weight": "outward.weight"} | {
        name: name for name in ("inward.bias", "outward.bias")
    }
    scale = torch.ones(4)
    grids = Grids({"inward.weight": scale, "unused.weight": scale}, {"unused.weight": (0.0, 1.0)})
    assert grids.renamed(names).scales == {"outward.weight": scale}
    assert grids.renamed(names).ranges == {}


def test_a_tied_weight_is_no_vector_under_any_of_its_names() -> None:
    torch.manual_seed(0)
    model = Tied().eval()
    found = arrays(trace(model, (torch.zeros(1, 4),)), model, OPTIONS)
    [weight] = [array for name, array in found.items() if name.endswith("weight")]
    assert np.array_equal(weight, model.inward.weight.detach().numpy())
    assert is_bfloat16(found["inward.bias"])


def test_the_original_graph_and_network_are_left_alone(task: Tiny, traced: onnx_ir.Model) -> None:
    before = copy.deepcopy(task.model.state_dict())
    bytes_before = onnx_ir.to_proto(traced).SerializeToString()
    arrays(traced, task.model, OPTIONS)
    assert all(torch.equal(before[name], t) for name, t in task.model.state_dict().items())
    assert onnx_ir.to_proto(traced).SerializeToString() == bytes_before
