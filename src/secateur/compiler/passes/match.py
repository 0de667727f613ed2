"""What do passes ask of a graph?"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir
from numpy.typing import NDArray


def constant(value: onnx_ir.Value | None) -> NDArray[Any] | None:
    """The elements of a constant; None of all else."""
    return None if value is None or value.const_value is None else value.const_value.numpy()


def only_reader(value: onnx_ir.Value) -> onnx_ir.Node | None:
    """The one node that reads a value which the caller does not see; None where there are others."""
    uses = list(value.uses())
    return uses[0][0] if len(uses) == 1 and not value.is_graph_output() else None


def scalar(value: onnx_ir.Value | None, default: float) -> float | None:
    """A number that is known, `default` where it is left out, None where it is computed."""
    if value is None:
        return default
    array = constant(value)
    return None if array is None or array.size != 1 else float(np.asarray(array).reshape(-1)[0])


def sizes(value: onnx_ir.Value | None) -> list[int]:
    """Of a value, whose shape is known."""
    shape = value.shape if value is not None else None
    return [size for size in shape or () if isinstance(size, int)]


def shape_(value: onnx_ir.Value, shape: Sequence[int], like: onnx_ir.Value | None) -> onnx_ir.Value:
    """Say what a new node answers: this shape, and the type of another value."""
    value.shape = onnx_ir.Shape(shape)
    value.type = like.type if like is not None else None
    return value


def numbers(node: onnx_ir.Node, name: str, default: list[int]) -> list[int]:
    """An attribute of one or several whole numbers."""
    if name not in node.attributes:
        return default
    value = node.attributes[name].value
    return [int(number) for number in value] if isinstance(value, list | tuple) else [int(value)]


def absorb_(keeper: onnx_ir.Node, absorbed: onnx_ir.Node) -> None:
    """`keeper` computes what `absorbed` did, which read its only output."""
    gone, kept = absorbed.outputs[0], keeper.outputs[0]
    kept.shape, kept.type = gone.shape, gone.type
    gone.replace_all_uses_with(kept, replace_graph_outputs=True)
    assert absorbed.graph is not None, "nodes of a graph are absorbed"
    absorbed.graph.remove(absorbed, safe=True)
