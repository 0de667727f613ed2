"""How far are a compiled network's answers from ONNX Runtime's?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir
from numpy.typing import NDArray

from secateur.compiler.compiled import CompiledModel
from secateur.surgery.onnx.run import caller

TOLERANCE = 1e-4  # of single precision, for a whole network


def difference(compiled: CompiledModel, graph: onnx_ir.Model, inputs: Sequence[NDArray[Any]]) -> float:
    """The largest difference of any output element, as a part of that output's largest element.

    Args:
        compiled: from the same network as the graph.
        graph: as it was read, which ONNX Runtime runs.
        inputs: for both.
    """
    answers = compiled(*inputs)
    ours = answers if isinstance(answers, tuple) else (answers,)
    theirs = caller(graph, 1)(list(inputs))
    return max(relative(y, expected) for y, expected in zip(ours, theirs, strict=True))


def relative(y: NDArray[Any], expected: NDArray[Any]) -> float:
    """NaN and infinity count as equal where both have them, else as infinitely far."""
    y, expected = y.astype(np.float64), expected.astype(np.float64)
    plain = np.isfinite(expected)
    if not np.array_equal(y[~plain], expected[~plain], equal_nan=True) or not np.isfinite(y[plain]).all():
        return float("inf")
    scale = np.abs(expected[plain]).max(initial=0.0)
    gap = np.abs(y[plain] - expected[plain]).max(initial=0.0)
    return float(gap / scale) if scale else float(gap)
