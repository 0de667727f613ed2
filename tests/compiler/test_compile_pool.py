"""Pooling, against ONNX Runtime: windows that reach over every edge."""

import numpy as np
import pytest
from operators import check, network, numbers

import secateur.compiler
from secateur.errors import CompileError
from secateur.network_file.read import as_graph

WINDOWS = (
    "kernel_shape=[2, 2], strides=[2, 2]",
    "kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]",
    "kernel_shape=[3, 2], strides=[1, 3], pads=[0, 1, 2, 0]",
    "kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1",
    "kernel_shape=[2, 3], dilations=[2, 2]",
    'kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"',
    'kernel_shape=[2, 3], strides=[2, 2], auto_pad="SAME_LOWER"',
    "kernel_shape=[1, 1]",
)


@pytest.mark.parametrize("shape", [(1, 1, 7, 9), (2, 3, 16, 33)])
def test_windows(shape: tuple[int, ...]) -> None:
    kinds = ("MaxPool", "AveragePool")
    texts = [f"{kind}<{window}>(x)" for kind in kinds for window in WINDOWS]
    texts += [f"AveragePool<{window}, count_include_pad=1>(x)" for window in WINDOWS[:4]]
    check("; ".join(texts), opset=19, x=numbers(*shape))


def test_one_axis() -> None:
    check(
        "MaxPool<kernel_shape=[3], strides=[2], pads=[1, 1]>(x); "
        "AveragePool<kernel_shape=[4], pads=[2, 1]>(x)",
        x=numbers(2, 3, 11),
    )


def test_whole_planes() -> None:
    check(
        "GlobalAveragePool(x); GlobalMaxPool(x); GlobalAveragePool(z)",
        x=numbers(2, 3, 7, 5),
        z=numbers(1, 1, 1),
    )


def test_nan_and_infinity_are_seen() -> None:
    x = np.array([[[[1, np.nan, 2, 3], [0, 0, -np.inf, -np.inf]]]], np.float32)
    text = "MaxPool<kernel_shape=[2, 2], strides=[1, 2]>(x); MaxPool<kernel_shape=[1, 2], strides=[1, 2]>(x)"
    first, second = secateur.compiler.compile(as_graph(network(text, {"x": x})))(x)
    np.testing.assert_array_equal(first, np.array([[[[np.nan, 3]]]], np.float32))
    np.testing.assert_array_equal(second, np.array([[[[np.nan, 3], [0, -np.inf]]]], np.float32))


def test_four_axes_are_refused() -> None:
    x = numbers(1, 1, 4, 4, 4, 4)
    with pytest.raises(CompileError, match="has 4 axes beside batch and channels"):
        secateur.compiler.compile(as_graph(network("MaxPool<kernel_shape=[2, 2, 2, 2]>(x)", {"x": x})))
