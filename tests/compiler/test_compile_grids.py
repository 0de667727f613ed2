"""Is an int8 network in ONNX's QDQ form computed on its grid's points?"""

import numpy as np
import onnx
import onnx_ir
import onnxruntime
import pytest
from int8_nets import NETS, batches, graph

import secateur.compiler
from secateur.compiler.check import relative, tolerance
from secateur.network_file.read import as_graph
from secateur.quantize.onnx.convert import to_int8


def as_written(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    """ONNX Runtime's answer, each node computed as it stands."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    answer: np.ndarray = session.run(None, {session.get_inputs()[0].name: x})[0]
    return answer


@pytest.mark.parametrize("name", ["residual", "perceptron", "attention"])
def test_networks_of_whole_numbers(name: str) -> None:
    shape = NETS[name].shape
    floats = graph(name)
    model = onnx_ir.to_proto(as_graph(to_int8(floats, batches(shape))))
    assert "QuantizeLinear" in {node.op_type for node in model.graph.node}
    x = batches(shape, count=1, size=1, seed=9)[0][0]
    rounding = tolerance(as_graph(model))
    assert relative(secateur.compiler.compile(as_graph(model))(x), as_written(model, x)) <= rounding
    assert rounding > tolerance(as_graph(floats))


def test_one_grid() -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 18]> g (float[9] x) => (float[9] y, float[9] z)
        <float s = {0.5}, int8 p = {3}, uint8 u = {200}> {
        a = QuantizeLinear(x, s, p)
        y = DequantizeLinear(a, s, p)
        b = QuantizeLinear(x, s, u)
        z = DequantizeLinear(b, s, u) }"""
    )
    x = np.array([-1e9, -99.6, -0.25, -0.1, 0.0, 0.25, 0.75, 12.3, 1e9], np.float32)
    y, z = secateur.compiler.compile(as_graph(model))(x)
    np.testing.assert_array_equal(y, [-65.5, -65.5, 0, 0, 0, 0, 1, 12.5, 62])
    np.testing.assert_array_equal(z, [-100, -99.5, 0, 0, 0, 0, 1, 12.5, 27.5])


def test_a_grid_without_a_zero_point_names_its_type() -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 10, opset_import: ["" : 21]> g (float[4] x) => (float[4] y, float[4] z)
        <float s = {0.5}> {
        a = QuantizeLinear<output_dtype: int = 3>(x, s)
        y = DequantizeLinear(a, s)
        b = QuantizeLinear(x, s)
        z = DequantizeLinear(b, s) }"""
    )
    x = np.array([-1e9, -1.0, 1.0, 1e9], np.float32)
    y, z = secateur.compiler.compile(as_graph(model))(x)
    np.testing.assert_array_equal(y, [-64, -1, 1, 63.5])
    np.testing.assert_array_equal(z, [0, 0, 1, 127.5])


@pytest.mark.parametrize("opset", [13, 17, 21])
def test_constants_on_grids_of_any_opset(opset: int) -> None:
    """A scale for each column, one for all, and a bias of 32 bits."""
    model = onnx.parser.parse_model(
        f"""<ir_version: 8, opset_import: ["" : {opset}]> g (float[2,3] x) => (float[2,2] y)
        <int8[3,2] w = {{1, -2, 3, 4, -5, 6}}, float[2] s = {{0.5, 0.25}}, int8[2] p = {{1, 0}},
         int32[2] b = {{100, -7}}, float t = {{0.01}}> {{
        weight = DequantizeLinear<axis: int = 1>(w, s, p)
        bias = DequantizeLinear(b, t)
        m = MatMul(x, weight)
        y = Add(m, bias) }}"""
    )
    x = np.array([[1, 2, 3], [0, -1, 2]], np.float32)
    weight = np.array([[0, -0.5], [1, 1], [-3, 1.5]], np.float32)
    answer = secateur.compiler.compile(as_graph(model))(x)
    np.testing.assert_allclose(answer, x @ weight + np.array([1, -0.07], np.float32), rtol=1e-6)
