"""Operators that write or read at computed places, and those that rank: against ONNX Runtime."""

import numpy as np
import onnx
import pytest
from operators import check, numbers

import secateur.compiler
from secateur.compiler.check import difference
from secateur.network_file.read import as_graph


@pytest.mark.parametrize("reduction", ["none", "add", "mul", "max"])
def test_scatter(reduction: str) -> None:
    check(
        f'ScatterElements<axis=1, reduction="{reduction}">(x, i, u); '
        f'ScatterND<reduction="{reduction}">(x, n, v); ScatterND<reduction="{reduction}">(k, n, v)',
        x=numbers(3, 5, 4),
        i=np.array([[[0, 1], [3, -1]], [[4, 0], [1, 2]]]),
        u=numbers(2, 2, 2, seed=1),
        n=np.array([[[0, 1], [2, 4]], [[1, -1], [-3, 0]]]),
        v=numbers(2, 2, 4, seed=2),
        constants={"k": numbers(3, 5, 4, seed=3)},
    )


@pytest.mark.parametrize("length", [5, 9, 13])
def test_what_is_scattered_into_itself(length: int) -> None:
    """The output would fit in the place of the data, which are the updates, or a view, or the indices."""
    floats, places = f"float[{length}, 3]", f"int64[{length}, 3]"
    model = onnx.parser.parse_model(
        f"""<ir_version: 8, opset_import: ["" : 18]>
        g ({floats} x, {places} p) => ({floats} a, {floats} b, {places} c)
        <int64[2] s = {{{length}, 3}}, int64 zero = {{0}}> {{
        r = Relu(x)
        t = ScatterElements(r, p, r)
        a = Neg(t)
        e = Abs(x)
        f = Flatten<axis=0>(e)
        v = Reshape(f, s)
        u = ScatterElements(e, p, v)
        b = Neg(u)
        i = Add(p, zero)
        j = ScatterElements(i, i, p)
        c = Neg(j) }}"""
    )
    graph = as_graph(model)
    order = np.random.default_rng(0).permuted(np.tile(np.arange(length)[:, None], 3), axis=0)
    assert difference(secateur.compiler.compile(graph), graph, [numbers(length, 3), order]) == 0


def test_gathered_by_several_indices() -> None:
    check(
        "GatherND(x, i); GatherND<batch_dims=1>(x, b); Trilu(x); Trilu<upper=0>(x, k); Trilu(m); "
        "OneHot(h, d, v); OneHot<axis=0>(h, d, v)",
        x=numbers(2, 3, 4),
        i=np.array([[0, 1], [1, -1], [1, 2]]),
        b=np.array([[[0, 3]], [[2, -2]]]),
        m=np.arange(12).reshape(3, 4),
        h=np.array([[0, 4], [-1, 2], [9, 1]]),
        constants={"k": np.array(-1), "d": np.array(5), "v": np.array([-1.5, 2], np.float32)},
    )


def test_largest() -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 18]> g (float[3, 7, 4] x) => (a, b, d, e, f)
        <int64[1] k = {3}> { a, b = TopK<axis=1>(x, k)
        c, d = TopK<axis=-1, largest=0>(x, k)
        e, g = TopK<axis=0>(x, k)
        h, f = TopK(x, k) }"""
    )
    x = numbers(3, 7, 4).round(0)  # many are equal
    expected = onnx.reference.ReferenceEvaluator(model).run(None, {"x": x})
    for answer, wanted in zip(secateur.compiler.compile(as_graph(model))(x), expected, strict=True):
        np.testing.assert_array_equal(answer, wanted)
