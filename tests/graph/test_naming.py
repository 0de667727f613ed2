from typing import Any

import numpy as np
import onnx_ir
import pytest
from coupled_graphs import graph_of

from secateur.graph.naming import described, weight_of

SHAPES: dict[str, Any] = {"x": (2, 4), "norm__weight": (4,), "bias": (4,), "last": np.array([-1])}


def named(body: str, output: str) -> str:
    """What the operator that makes a value is called."""
    graph = graph_of(body, **SHAPES)
    constant = frozenset(graph.graph.initializers)
    (node,) = (node for node in graph.graph if node.outputs[0].name == output)
    return described(node, constant)


def test_an_operator_is_called_after_the_module_of_its_weight() -> None:
    assert named("y = Mul(x, norm__weight)", "y") == "Mul (norm)"


def test_an_operator_without_a_module_is_called_after_what_it_makes() -> None:
    assert named("y = Add(x, bias)", "y") == "Add (y)"
    assert named("y = ReduceMean(x, last)", "y") == "ReduceMean (y)"


@pytest.mark.parametrize("output", ["m", "y"])
def test_a_mean_is_called_after_the_norm_that_it_is_part_of(output: str) -> None:
    body = (
        "p = Pow(x, two)\n m = ReduceMean(p, last)\n s = Sqrt(m)\n d = Div(x, s)\n y = Mul(d, norm__weight)"
    )
    expected = {"m": "ReduceMean (norm)", "y": "Mul (norm)"}
    assert named(body, output) == expected[output]


def test_a_mean_before_another_layer_is_not_that_layers() -> None:
    body = "m = ReduceMean(x, last)\n s = Sigmoid(m)\n y = Mul(s, norm__weight)"
    assert named(body, "m") == "ReduceMean (m)"


def test_the_weight_that_a_constant_is_computed_from() -> None:
    graph = graph_of("n = Neg(norm__weight)\n a = Abs(n)\n y = Mul(x, a)", **SHAPES)
    values: dict[str | None, onnx_ir.Value] = {v.name: v for node in graph.graph for v in node.inputs if v}
    assert weight_of(values["a"]) == "norm.weight"
    assert weight_of(values["norm.weight"]) == "norm.weight"
    assert weight_of(graph.graph.initializers["last"]) == ""
    assert weight_of(values["x"]) == ""
    assert weight_of(None) == ""
