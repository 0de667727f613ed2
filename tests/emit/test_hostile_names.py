"""A file comes from anyone: no name in it may bring code into what is written."""

import ast
from pathlib import Path

import numpy as np
import onnx
import pytest
from emitted import emitted, parsed, source
from onnx import TensorProto, helper, numpy_helper

NAMES = [
    '"); raise SystemExit; ("',
    "'''\nraise SystemExit\n'''",
    "x\\",
    "lambda",
    "self",
    "forward",
    "F",
    "torch",
    "étendue 函数",
    "__init__",
    "a.__class__.b",
    "a..b",
    "a" * 300,
    "{imports}",
    "{0}",
]
CALLED = {"super", "Path", "range", "load_file", "Network"}


def hostile(name: str) -> onnx.ModelProto:
    """A Linear layer, a parameter and a value of that name, or one that ends in it."""
    weight, bias = np.eye(3, dtype=np.float32), np.ones(3, np.float32)
    inputs, output = f"in {name}", f"out {name}"
    nodes = [
        helper.make_node("Gemm", [inputs, f"{name}.weight"], [f"{name} 1"], f"{name} 1", transB=1),
        helper.make_node("Add", [f"{name} 1", name], [f"{name} 2"], f"{name} 2"),
        helper.make_node("Mul", [f"{name} 2", f"{name} 1"], [output], f"{name} 3"),
    ]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [name, 3]) for n in (inputs, output)]
    tensors = [numpy_helper.from_array(weight, f"{name}.weight"), numpy_helper.from_array(bias, name)]
    graph = helper.make_graph(nodes, name, ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.mark.parametrize("name", NAMES)
def test_names_become_words_and_nothing_else(name: str, tmp_path: Path) -> None:
    tree = ast.parse(source(emitted(hostile(name), tmp_path)))
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Raise | ast.Global | ast.Delete | ast.Lambda | ast.Try)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id in CALLED
        if isinstance(node, ast.Name | ast.Attribute):
            assert (node.id if isinstance(node, ast.Name) else node.attr).isascii()


def test_names_that_become_the_same_stay_apart(tmp_path: Path) -> None:
    tensors = {name: np.full(6, n, np.float32) for n, name in enumerate(("a-b", "a b", "a_b", "a:b"), 1)}
    model = parsed("p = Add (x, w0) q = Add (p, w1) r = Mul (q, w2) y = Sub (r, w3)")
    for node, (name, array) in zip(model.graph.node, tensors.items(), strict=True):
        node.input[1] = name
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    state = emitted(model, tmp_path).load().state_dict()
    assert sorted(float(tensor[0]) for tensor in state.values()) == [1, 2, 3, 4]


def test_a_layer_is_not_put_over_another_ones_tensor(tmp_path: Path) -> None:
    """`conv.weight` is a tensor of `conv`, so nothing can be called `conv.weight.scale`."""
    weight, scale = np.ones((4, 4, 1, 1), np.float32), np.full((4, 1, 1), 3, np.float32)
    model = parsed("a = Conv (x, w) y = Mul (a, s)")
    model.graph.node[0].input[1], model.graph.node[1].input[1] = "conv.weight", "conv.weight.scale"
    model.graph.initializer.extend(
        [numpy_helper.from_array(weight, "conv.weight"), numpy_helper.from_array(scale, "conv.weight.scale")]
    )
    assert set(emitted(model, tmp_path).load().state_dict()) == {"conv.weight", "conv_weight_scale"}
