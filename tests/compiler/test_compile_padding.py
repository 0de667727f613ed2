"""Passes over padding, older versions and functions: what is left of the graph, and its answer."""

import numpy as np
import onnx
import onnxruntime
import pytest
from operators import numbers

import secateur.compiler
from secateur.network_file.read import as_graph

HEAD = """<ir_version: 8, opset_import: ["" : 18]> g (float[1,2,6,7] x, float[2,2,3,3] w) => (y)
<int64[8] p = {0, 0, 1, 2, 0, 0, 0, 1}, int64[4] own = {1, 0, 2, 1}, int64[2] axes = {2, 3},
 float one = {1.0}>"""
FOLDED = {
    "conv": "{ a = Pad(x, p) y = Conv<pads=[1, 0, 0, 1]>(a, w) }",
    "conv, axes": "{ a = Pad(x, own, , axes) y = Conv(a, w) }",
    "average": "{ a = Pad(x, p) y = AveragePool<kernel_shape=[3, 3]>(a) }",
    "largest of what is not negative": "{ r = Relu(x) a = Pad(r, p) y = MaxPool<kernel_shape=[3, 3]>(a) }",
}
KEPT = {
    "another value": "{ a = Pad(x, p, one) y = Conv(a, w) }",
    "another mode": '{ a = Pad<mode="edge">(x, p) y = Conv(a, w) }',
    "largest of anything": "{ a = Pad(x, p) y = MaxPool<kernel_shape=[3, 3]>(a) }",
    "a window of padding only": "{ r = Relu(x) a = Pad(r, p) y = MaxPool<kernel_shape=[1, 1]>(a) }",
    "not counted": "{ a = Pad(x, p) y = AveragePool<kernel_shape=[3, 3], pads=[1, 0, 1, 0]>(a) }",
    "read twice": "{ a = Pad(x, p) b = Conv<pads=[1, 1, 1, 1]>(a, w) y = Add(a, b) }",
}


CASES = [*((text, 0) for text in FOLDED.values()), *((text, 1) for text in KEPT.values())]


def kinds(text: str) -> list[str]:
    """Of the steps of the compiled network, whose answer is that of ONNX Runtime."""
    model, x, w = onnx.parser.parse_model(HEAD + text), numbers(1, 2, 6, 7), numbers(2, 2, 3, 3, seed=1)
    used = {name for node in model.graph.node for name in node.input}
    model.graph.input.pop()
    constants = [*model.graph.initializer, onnx.numpy_helper.from_array(w, "w")]
    del model.graph.initializer[:]
    model.graph.initializer.extend(tensor for tensor in constants if tensor.name in used)
    wanted = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    compiled = secateur.compiler.compile(as_graph(model))
    np.testing.assert_allclose(compiled(x), wanted, rtol=1e-5, atol=1e-5)
    return [step.kind for step in compiled.sources.steps]


@pytest.mark.parametrize(("text", "pads"), CASES)
def test_padding_is_folded_where_that_is_exact(text: str, pads: int) -> None:
    assert kinds(text).count("Pad") == pads


def test_transposed_convolutions_are_convolutions() -> None:
    text = "{ y = ConvTranspose<strides=[2, 2], pads=[1, 0, 1, 0]>(x, w) }"
    assert kinds(text) == ["Conv", "DepthToSpace", "Slice"]
