"""Images read at computed places, against ONNX Runtime."""

import numpy as np
import pytest
from operators import check, network, numbers

import secateur.compiler
from secateur.network_file.read import as_graph


@pytest.mark.parametrize("outside", ["zeros", "border", "reflection"])
def test_places(outside: str) -> None:
    texts = [
        f'GridSample<mode="{mode}", padding_mode="{outside}", align_corners={corners}>(x, g)'
        for mode in ("linear", "nearest", "cubic")
        for corners in (0, 1)
    ]
    grid = numbers(2, 5, 6, 2, seed=1) * 1.3
    check("; ".join(texts), opset=20, x=numbers(2, 3, 7, 9), g=grid)
    check(texts[0], opset=20, x=numbers(2, 1, 1, 1), g=grid)


def test_places_that_are_nowhere() -> None:
    grid = np.array([[[[np.nan, 0], [np.inf, -np.inf], [3e38, 0]]]], np.float32)
    x = numbers(1, 2, 4, 4)
    model = network("GridSample(x, g)", {"x": x, "g": grid}, opset=20)
    np.testing.assert_array_equal(secateur.compiler.compile(as_graph(model))(x, grid), np.zeros((1, 2, 1, 3)))
