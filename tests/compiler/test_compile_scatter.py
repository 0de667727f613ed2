"""Operators that write or read at computed places, and those that rank: against ONNX Runtime."""

import numpy as np
import onnx
import pytest
from operators import check, numbers

import secateur.compiler
from secateur.surgery.onnx.read import as_graph


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
