"""What do operators say that compute shapes and constants?"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from secateur.graph.relations import Operator, Relation, Rule


def nothing(_op: Operator) -> Iterator[Relation]:
    """Sizes are read when the network runs, so they follow a cut; what is filled with one number does."""
    yield from ()


def constant(op: Operator) -> Iterator[Relation]:
    """Only axes along which all positions are alike can shrink."""
    tensor = op.attribute("value")
    array = np.zeros(op.shape(op.outputs[0])) if tensor is None else tensor.numpy()
    yield from op.fix(op.outputs[0], uneven(array), "is a constant of the network")


def counting(op: Operator) -> Iterator[Relation]:
    """Range and EyeLike: what stands at a position depends on its number."""
    yield from op.fix(op.outputs[0], range(len(op.shape(op.outputs[0]))), "counts along it")


def uneven(array: NDArray[np.generic]) -> list[int]:
    """Axes along which positions differ."""
    return [
        i
        for i, size in enumerate(array.shape)
        if size > 1 and not bool(np.all(array == np.take(array, [0], axis=i)))
    ]


SHAPES: dict[str, Rule] = {
    "Constant": constant,
    **dict.fromkeys(("ConstantOfShape", "Shape", "Size"), nothing),
    **dict.fromkeys(("EyeLike", "Range"), counting),
}
OPEN = frozenset({"Constant", "ConstantOfShape", "Shape", "Size"})
"""Their silence about an axis means that it may change; that of others, that it is not understood."""
