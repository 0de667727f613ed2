import numpy as np
import onnx
import onnx_ir
import pytest
import torch
from int8_nets import NETS, answer, batches, exported, graph, tensors
from torch import Tensor, nn

from secateur.graph.plain import plain_


def plain(model: onnx.ModelProto) -> onnx_ir.Model:
    graph = onnx_ir.from_proto(model)
    plain_(graph)
    return graph


@pytest.mark.parametrize("name", NETS)
def test_the_plain_graph_answers_the_same_with_the_same_parameters(name: str) -> None:
    before, after = graph(name), onnx_ir.to_proto(plain(graph(name)))
    onnx.checker.check_model(after, full_check=True)
    for size in (1, 3):
        x = batches(NETS[name].shape, 1, size)[0][0]
        np.testing.assert_allclose(answer(after, x), answer(before, x), rtol=1e-5, atol=1e-6)
    kept = tensors(after)
    for parameter, array in tensors(before).items():
        np.testing.assert_array_equal(kept[parameter], array)
    assert len(after.graph.node) <= len(before.graph.node)


def test_only_what_the_network_computes_is_left() -> None:
    nodes = [node.op_type for node in plain(graph("depthwise")).graph]
    block = ["Conv", "BatchNormalization", "Clip"]
    assert nodes == [*block * 3, "MaxPool", "ReduceMean", "Reshape", "Gemm"]


def test_names_of_nodes_are_unique() -> None:
    names = [node.name for node in plain(graph("attention")).graph]
    assert len(set(names)) == len(names)


def test_a_shape_with_two_free_sizes_is_still_computed() -> None:
    class Twice(nn.Module):
        """Rows and columns of the answer are both as many as the batch."""

        def forward(self, x: Tensor) -> Tensor:
            y = (x @ x.T).reshape(-1)
            return y.reshape(x.shape[0], x.shape[0])

    before = exported(Twice(), (4,))
    after = onnx_ir.to_proto(plain(before))
    for size in (2, 3):
        x = torch.randn(size, 4).numpy()
        assert answer(after, x).shape == (size, size)
        np.testing.assert_allclose(answer(after, x), x @ x.T, rtol=1e-5, atol=1e-6)
