"""How does a weight lie as a matrix, for shapes that need rows and columns?

Rows are axis 0 (output channels, gates). Columns run over the kernel positions, and within one
position over axis 1 (input channels), so that neighbours in a row are input channels of one kernel
position: the order in which sparse kernels and 2:4 hardware read convolutions.
"""

import math
from collections.abc import Sequence

from torch import Tensor


def to_rows(tensor: Tensor) -> Tensor:
    """(out, in, *kernel) -> (out, kernel positions * in)."""
    return tensor.movedim(1, -1).reshape(tensor.shape[0], -1)


def from_rows(rows: Tensor, shape: Sequence[int]) -> Tensor:
    """The inverse of `to_rows` for a weight of this shape."""
    return rows.reshape(shape[0], *shape[2:], shape[1]).movedim(-1, 1).contiguous()


def row_shape(shape: Sequence[int]) -> tuple[int, int]:
    """(rows, columns) of a weight of this shape."""
    return shape[0], math.prod(shape[1:])
