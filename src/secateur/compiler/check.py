"""How far are a compiled network's answers from ONNX Runtime's?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir
from numpy.typing import NDArray

from secateur.compiler.compiled import CompiledModel
from secateur.errors import CompileError
from secateur.network_file.run import caller

TOLERANCE = 1e-4  # of single precision, for a whole network
GRID_TOLERANCE = 0.02  # of int8 networks: what lies between two points of a grid may be rounded either way


def checked(
    compiled: CompiledModel,
    graph: onnx_ir.Model,
    inputs: Sequence[NDArray[Any]],
    by: str = "the compiled network",
) -> float:
    """The `difference`, where it is no more than rounding.

    Args:
        compiled: from the same network as the graph.
        graph: as it was read, which ONNX Runtime runs.
        inputs: for both.
        by: whose answers they are, for the error.

    Raises:
        CompileError: it is more.
    """
    found, most = difference(compiled, graph, inputs), tolerance(graph)
    if not found <= most:
        raise CompileError(
            f"The answers of {by} differ from ONNX Runtime's by {found:.2g} of the largest "
            f"output. Expected at most {most:g}, which is rounding, so it is neither written nor timed. This "
            "is a fault of secateur or of the C compiler: try another one (CC=clang), run the network in "
            "ONNX Runtime, and please report it with its operators and shapes."
        )
    return found


def tolerance(graph: onnx_ir.Model) -> float:
    """The largest `difference` that is rounding.

    Args:
        graph: as it was read; activations are rounded to grids where it has QuantizeLinear.
    """
    rounds = any(node.op_type == "QuantizeLinear" for node in graph.graph)
    return GRID_TOLERANCE if rounds else TOLERANCE


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
    """NaN and infinity count as equal where both have them, else as infinitely far; so do other shapes."""
    if y.shape != expected.shape:
        return float("inf")
    y, expected = y.astype(np.float64), expected.astype(np.float64)
    plain = np.isfinite(expected)
    if not np.array_equal(y[~plain], expected[~plain], equal_nan=True) or not np.isfinite(y[plain]).all():
        return float("inf")
    scale = np.abs(expected[plain]).max(initial=0.0)
    gap = np.abs(y[plain] - expected[plain]).max(initial=0.0)
    return float(gap / scale) if scale else float(gap)
