"""Recurrent layers: all directions, states and gates, as ONNX Runtime computes them."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from operators import numbers
from torch import nn

import secateur.compiler
from secateur.compiler import sources_of
from secateur.compiler.targets import target_of
from secateur.errors import CompileError
from secateur.network_file.read import as_graph

Array = NDArray[np.float32]
GATES = {"GRU": 3, "LSTM": 4, "RNN": 1}


def layer(
    kind: str,
    x: Array,
    hidden: int,
    *,
    zeros: float = 0.0,
    states: int = 0,
    outputs: tuple[str, ...] = ("y", "yh"),
    **attributes: Any,
) -> tuple[onnx.ModelProto, dict[str, Array]]:
    """The network, and its inputs."""
    directions = 2 if attributes.get("direction") == "bidirectional" else 1
    width, batch = GATES[kind] * hidden, x.shape[1]
    constants = {
        "w": _pruned(numbers(directions, width, x.shape[2], seed=1), zeros),
        "r": _pruned(numbers(directions, width, hidden, seed=2), zeros),
        "b": numbers(directions, 2 * width, seed=3),
    }
    first = {f"s{i}": numbers(directions, batch, hidden, seed=4 + i) for i in range(states)}
    node = helper.make_node(kind, ["x", *constants, "", *first], outputs, hidden_size=hidden, **attributes)
    inputs = {"x": x, **first}
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, a.shape) for n, a in inputs.items()],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs if n],
        [onnx.numpy_helper.from_array(a, n) for n, a in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), inputs


def _pruned(array: Array, zeros: float) -> Array:
    """A quarter of it, so that gates stay between their ends."""
    return np.where(np.abs(array) < np.quantile(np.abs(array), zeros), 0, array / 4).astype(np.float32)


def check(kind: str, x: Array, hidden: int, threads: int = 1, **options: Any) -> None:
    model, inputs = layer(kind, x, hidden, **options)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    got = secateur.compiler.compile(as_graph(model), threads=threads)(*inputs.values())
    wanted = session.run(None, inputs)
    for a, b in zip(_answers(got), wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_gru(direction: str, after: int) -> None:
    check("GRU", numbers(5, 2, 7), 9, direction=direction, linear_before_reset=after, states=1)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_lstm(direction: str) -> None:
    check("LSTM", numbers(5, 3, 7), 9, direction=direction, states=2, outputs=("y", "yh", "yc"))


def test_rnn() -> None:
    check("RNN", numbers(5, 2, 7), 9)
    check("RNN", numbers(5, 1, 7), 9, direction="bidirectional", activations=["Relu", "Tanh"])


@pytest.mark.parametrize("batch", [1, 20])
@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_pruned(kind: str, batch: int) -> None:
    check(kind, numbers(6, batch, 40), 48, zeros=0.9)


def test_only_the_last_state_is_kept() -> None:
    check("LSTM", numbers(4, 1, 3), 5, outputs=("", "yh", "yc"))


def test_each_direction_on_a_thread() -> None:
    check("GRU", numbers(5, 2, 7), 9, threads=2, direction="bidirectional", states=1)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("GRU", {"linear_before_reset": 1, "direction": "bidirectional", "states": 1}),
        ("GRU", {"linear_before_reset": 0, "direction": "reverse"}),
        ("LSTM", {"direction": "bidirectional", "states": 2, "outputs": ("y", "yh", "yc")}),
        ("RNN", {"outputs": ("", "yh")}),
    ],
)
@pytest.mark.parametrize("batch", [1, 3])
def test_threads_share_steps_that_are_work_enough(kind: str, options: dict[str, Any], batch: int) -> None:
    hidden = 150  # its last line of the cache is not full
    model, inputs = layer(kind, numbers(7, batch, 20), hidden, zeros=0.1, **options)
    assert (
        "barrier(p);\n    for"
        in sources_of(as_graph(model), target_of("native"), {}, threads=2).files["model.c"].decode()
    )
    check(kind, numbers(7, batch, 20), hidden, threads=2, zeros=0.1, **options)
    one = _answers(secateur.compiler.compile(as_graph(model))(*inputs.values()))
    for threads in (2, 3):
        compiled = secateur.compiler.compile(as_graph(model), threads=threads)
        for _ in range(5):
            for a, b in zip(_answers(compiled(*inputs.values())), one, strict=True):
                np.testing.assert_array_equal(a, b)


def _answers(got: Any) -> tuple[Array, ...]:
    return got if isinstance(got, tuple) else (got,)


def test_weights_that_are_computed_are_constants_at_any_size() -> None:
    """torch.onnx.export puts the gates of a GRU into ONNX's order with nodes, which only small ones lose."""
    net = nn.GRU(4, 560).eval()
    x = torch.rand(2, 1, 4)
    compiled = secateur.compile(net, example_inputs=(x,))
    with torch.no_grad():
        np.testing.assert_allclose(compiled(x)[0].numpy(), net(x)[0].numpy(), atol=1e-5)


def test_what_is_refused() -> None:
    for options, words in (
        ({"activations": ["Sigmoid", "Relu"]}, "activations Sigmoid, Relu"),
        ({"clip": 1.0}, "clips"),
    ):
        model, _ = layer("GRU", numbers(2, 1, 3), 4, **options)
        with pytest.raises(CompileError, match=words):
            secateur.compiler.compile(as_graph(model))
