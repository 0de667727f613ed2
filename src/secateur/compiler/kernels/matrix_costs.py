"""How much work is each form of a constant matrix, for so many rows?"""

import numpy as np

from secateur.compiler.costs import SECOND_CACHE
from secateur.compiler.kernels import matrix_formats as formats
from secateur.compiler.kernels.matrix_formats import SLICE, Floats

FEW = 4  # rows up to which each is computed by itself
GROUP = 12  # rows that a tile holds
SPARSE_GROUP = 24  # rows that a tile of a sparse slice holds
SPARSE = 0.5  # of the weights: with more, windows hold most of what a dense slice does

Pieces = dict[str, float]


def pieces(weight: Floats, rows: int, wide: int, band: int, window: int) -> dict[str, Pieces]:
    """Form -> how many of each piece of work of `MatrixCosts`.

    Args:
        weight: (outputs, inputs).
        rows: that it is multiplied by.
        wide: rows of a panel.
        band: inputs whose part of a panel stays in the first cache.
        window: inputs that the processor looks up elements in; 0 where it does not.
    """
    elements = int(np.count_nonzero(weight))
    filled = formats.slices(weight).any(-1)
    used = int(filled.sum())
    if rows > FEW:
        found = _many(weight, rows, wide, band, elements, used)
    else:
        found = _few(weight, rows, window, elements, used)
    if filled.all():
        del found["blocks"]  # nothing to leave out
    return found


def _many(weight: Floats, rows: int, wide: int, band: int, elements: int, used: int) -> dict[str, Pieces]:
    return {
        "dense": {"dense": _whole(rows, GROUP) * weight.size, **_read(4 * weight.size)},
        "blocks": {"block": _whole(rows, SPARSE_GROUP) * used, **_read(used * (4 * SLICE + 2))},
        "elements": _panels(weight, elements, rows, wide, band),
    }


def _few(weight: Floats, rows: int, window: int, elements: int, used: int) -> dict[str, Pieces]:
    found: dict[str, Pieces] = {
        "dense": {
            "dense_alone": weight.size,
            "dense": (rows - 1) * weight.size,
            **_read(4 * weight.size),
        },
        "blocks": {"block_alone": rows * used, **_read(rows * used * (4 * SLICE + 2))},
        "rows": {
            "element_alone": rows * elements,
            "output_alone": rows * len(weight),
            **_read(rows * elements * 6),
        },
    }
    if 0 < window <= weight.shape[1] and elements < SPARSE * weight.size:
        packed = formats.windows(weight, window)
        found["windows"] = {
            "window_row": rows * len(packed.values),
            "window_slice": rows * (len(packed.start) - 1),
            **_read(rows * packed.values.size * 5),
        }
    return found


def _panels(weight: Floats, elements: int, rows: int, wide: int, band: int) -> Pieces:
    outputs, inputs = weight.shape
    vectors, bands, panels = wide / SLICE, -(-inputs // band), -(-rows // wide)
    return {
        "element": panels * elements,
        "element_vector": panels * elements * vectors,
        "start": panels * bands * outputs,
        "sum_vector": panels * bands * outputs * vectors,
        "turn": panels * (inputs + outputs) * vectors,
        **_read(panels * elements * 6),
    }


def _read(size: int) -> Pieces:
    """Of weights: `size` bytes are read."""
    return {"far_byte": size if size > SECOND_CACHE else 0}


def _whole(rows: int, group: int) -> int:
    """Rows in even groups, the last filled up."""
    groups = -(-rows // group)
    return groups * -(-rows // groups)
