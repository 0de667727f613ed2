"""Does ONNX Runtime open and compute int8 networks as they are written, tied weights among them?"""

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from secateur.core.exact_int8 import exact_session, untied

WIDTH = 64
WEIGHT = np.random.default_rng(0).integers(-128, 128, (WIDTH, WIDTH)).astype(np.int8)
CONSTANTS = {
    "x_scale": np.float32(1 / 16),
    "x_zero": np.uint8(128),
    "weight": WEIGHT,
    "w_scale": np.full(WIDTH, 1 / 512, np.float32),
    "w_zero": np.zeros(WIDTH, np.int8),
}
X = np.random.default_rng(1).integers(-128, 128, (4, WIDTH)).astype(np.float32) / 16


def chained(layers: int) -> onnx.ModelProto:
    """Layers on bytes, all with one weight and one DequantizeLinear."""
    lines = ["w = DequantizeLinear <axis = 0> (weight, w_scale, w_zero)"]
    for layer in range(layers):
        lines += [
            f"q{layer} = QuantizeLinear ({f'h{layer - 1}' if layer else 'x'}, x_scale, x_zero)",
            f"d{layer} = DequantizeLinear (q{layer}, x_scale, x_zero)",
            f"h{layer} = Gemm <transB = 1> (d{layer}, w)",
        ]
    lines += [
        f"last = QuantizeLinear (h{layers - 1}, x_scale, x_zero)",
        "y = DequantizeLinear (last, x_scale, x_zero)",
    ]
    text = f'<ir_version: 8, opset_import: ["" : 18]> net (float[4,{WIDTH}] x) => (float[4,{WIDTH}] y) {{'
    model = onnx.parser.parse_model(text + "\n".join(lines) + "}")
    model.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(array), name) for name, array in CONSTANTS.items()
    )
    return model


def expected(layers: int) -> NDArray[np.float32]:
    """The same in numpy: exact integers, rounded to the nearest byte after each layer."""

    def rounded(h: NDArray[np.floating]) -> NDArray[np.floating]:
        return np.asarray(np.clip(np.rint(h * 16), -128, 127) / 16)

    h: NDArray[np.floating] = rounded(X)
    for _ in range(layers):
        h = rounded(h @ (WEIGHT.astype(np.float64) / 512).T)
    return h.astype(np.float32)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_sums_are_exact_where_layers_share_a_weight(layers: int) -> None:
    model = chained(layers).SerializeToString()
    answer = exact_session(model).run(None, {"x": X})[0]
    # A sum halfway between two bytes may be rounded to either.
    np.testing.assert_allclose(answer, expected(layers), atol=1 / 16)
    assert np.mean(answer == expected(layers)) > 0.95


def test_each_user_gets_a_weight_of_its_own_and_nothing_else_changes() -> None:
    model = chained(3)
    alone = untied(model.SerializeToString())
    assert alone is not None
    proto = onnx.load_from_string(alone)
    onnx.checker.check_model(proto, full_check=True)
    weights = [each for each in proto.graph.initializer if list(each.dims) == [WIDTH, WIDTH]]
    assert len(weights) == 3
    assert all((numpy_helper.to_array(each) == WEIGHT).all() for each in weights)
    before, after = (
        onnxruntime.InferenceSession(each, providers=["CPUExecutionProvider"]).run(None, {"x": X})[0]
        for each in (model.SerializeToString(), alone)
    )
    assert (before == after).all()


def test_a_graph_without_shared_weights_stays_as_it_is() -> None:
    assert untied(chained(1).SerializeToString()) is None


def test_what_is_no_graph_raises_what_onnx_runtime_says() -> None:
    with pytest.raises(Exception, match="INVALID_PROTOBUF"):
        exact_session(b"no graph")
