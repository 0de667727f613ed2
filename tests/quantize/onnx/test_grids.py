import numpy as np
import onnx_ir
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from secateur.quantize.onnx.grids import SMALLEST, grids, snap_
from secateur.quantize.onnx.layers import Weight

Values = NDArray[np.float32]

weights = arrays(np.float32, (3, 4), elements=st.floats(-1000, 1000, width=32))
scales = arrays(np.float32, 3, elements=st.floats(2.0**-10, 100, width=32))


def weight(array: Values, axis: int = 0) -> Weight:
    value = onnx_ir.Value(name="w", const_value=onnx_ir.tensor(array))
    graph = onnx_ir.Graph([], [], nodes=[], initializers=[value])
    assert graph.initializers["w"] is value
    return Weight("w", value, axis)


@given(array=weights)
def test_the_largest_weight_of_each_channel_is_level_127(array: Values) -> None:
    for axis, rows in ((0, array), (1, array.T)):
        grid = grids([weight(array, axis)], {}, {})["w"]
        assert grid.axis == axis
        assert grid.scales.shape == (len(rows),)
        needed = np.abs(rows).max(axis=1).astype(np.float64) / 127
        np.testing.assert_allclose(grid.scales, np.maximum(needed, SMALLEST), rtol=1e-6)


@given(array=weights, steps=scales)
def test_snapped_weights_are_the_nearest_levels_and_snapping_again_changes_nothing(
    array: Values, steps: Values
) -> None:
    snapped = weight(array)
    snap_([snapped], {"w": steps})
    levels = snapped.array / steps[:, None]
    np.testing.assert_allclose(levels, np.round(levels), atol=1e-4)
    assert np.abs(np.round(levels)).max() <= 127
    inside = np.abs(array) <= 127 * steps[:, None]
    assert (np.abs(snapped.array - array) <= 0.5001 * steps[:, None])[inside].all()
    assert not snapped.array[array == 0].any()
    before = snapped.array.copy()
    snap_([snapped], {"w": steps})
    np.testing.assert_array_equal(snapped.array, before)


@given(array=weights, steps=scales, factors=arrays(np.float64, 3, elements=st.floats(-100, 100)))
def test_levels_survive_a_factor(array: Values, steps: Values, factors: NDArray[np.float64]) -> None:
    """Of a folded BatchNorm; where it is zero nothing is left to keep."""
    before = weight(array)
    snap_([before], {"w": steps})
    folded = weight((before.array * factors[:, None]).astype(np.float32))
    after = grids([folded], {"w": steps}, {"w": factors})["w"].scales
    kept = np.abs(factors) > 1e-6
    levels = np.round(before.array / steps[:, None]) * np.sign(factors)[:, None]
    np.testing.assert_array_equal(np.round(folded.array / after[:, None])[kept], levels[kept])
    assert (after > 0).all()


def test_a_weight_without_a_scale_is_not_snapped() -> None:
    other = weight(np.array([[0.123, 1]], np.float32))
    snap_([other], {"another": np.ones(1, np.float32)})
    assert other.array.tolist() == np.array([[0.123, 1]], np.float32).tolist()
