"""Outputs that no operator computes are answered, too: constants, inputs, and one value twice."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

import secateur

Answers = Callable[[nn.Linear, Tensor, Tensor], tuple[Tensor, ...]]


class Net(nn.Module):
    def __init__(self, answers: Answers) -> None:
        super().__init__()
        self.layer, self.answers = nn.Linear(4, 3), answers
        self.register_buffer("priors", torch.arange(12.0).reshape(3, 4))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return self.answers(self.layer, x, self.get_buffer("priors"))


@pytest.mark.parametrize(
    "answers",
    [
        lambda layer, x, priors: (layer(x), priors),
        lambda layer, x, priors: (priors * 2, layer(x)),
        lambda layer, x, priors: (layer(x), priors.expand(x.shape[0], -1, -1)),
        lambda layer, x, priors: (layer(x), torch.arange(5)),
        lambda layer, x, priors: (layer.weight, layer(x)),
        lambda layer, x, priors: (layer(x), torch.tensor(x.shape[0])),
        lambda layer, x, priors: (x, layer(x)),
        lambda layer, x, priors: (layer(x),) * 2,
    ],
)
def test_outputs_that_nothing_computes(answers: Answers) -> None:
    torch.manual_seed(0)
    model, x = Net(answers).eval(), torch.randn(2, 4)
    got = secateur.compile(model, example_inputs=(x,))(x.numpy())
    for answer, expected in zip(got, model(x), strict=True):
        np.testing.assert_allclose(answer, expected.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_a_constant_is_answered_once_for_a_batch_that_is_computed_one_by_one() -> None:
    class Detector(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 40, 3)
            self.register_buffer("priors", torch.arange(20.0).reshape(4, 5))

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.conv(x).relu(), self.get_buffer("priors") * 1

    model, x = Detector().eval(), torch.randn(4, 3, 64, 64)
    got = secateur.compile(model, example_inputs=(x,))(x.numpy())
    for answer, expected in zip(got, model(x), strict=True):
        np.testing.assert_allclose(answer, expected.detach().numpy(), rtol=1e-5, atol=1e-5)


def test_onnx_constants_that_are_outputs(tmp_path_factory: pytest.TempPathFactory) -> None:
    seven, path = np.full((2, 2), 7, np.float32), tmp_path_factory.mktemp("onnx") / "network.onnx"
    nodes = [
        helper.make_node("Relu", ["x"], ["y"]),
        helper.make_node("Constant", [], ["constant"], value=numpy_helper.from_array(seven)),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, (2, 3)) for name in "xy")
    rest = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (2, 2)) for name in ("constant", "stored")]
    graph = helper.make_graph(nodes, "g", [x], [y, *rest], [numpy_helper.from_array(seven, "stored")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    answers = secateur.compile(path)(np.ones((2, 3), np.float32))
    assert [answer.tolist() for answer in answers] == [[[1.0] * 3] * 2, seven.tolist(), seven.tolist()]
