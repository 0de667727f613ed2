"""Which form of a constant matrix is the fastest for so many rows?"""

from dataclasses import dataclass

import numpy as np

from secateur.compiler.kernels import matrix_formats as formats
from secateur.compiler.kernels.matrix_formats import Floats


@dataclass(frozen=True)
class Costs:
    """In cycles of a processor with vectors of 16; others need more for all forms alike.

    Attributes:
        few: rows up to which each is computed by itself.
        group: rows that a tile holds.
        sparse_group: rows that a tile of a sparse slice holds.
        dense: one weight and one row.
        dense_alone: one weight, however few rows there are: what it takes to read it.
        block: one input of a sparse slice and one row.
        block_alone: the same, of rows computed by themselves.
        element_alone: one element, without tables.
        output_alone: one output's loop over its elements.
        table_row: one row of a slice's table.
        table: one table of a slice.
        element: one element of a panel: its weight and place.
        element_unit: one element and one vector of rows.
        start: one output in one band.
        sum_unit: a vector of its sums.
        turn: one element of x or y that is transposed, a vector at a time.
        worth: a sparse form must be estimated so much faster than the dense one.
    """

    few: int = 4
    group: int = 12
    sparse_group: int = 24
    dense: float = 0.036
    dense_alone: float = 0.09
    block: float = 0.62
    block_alone: float = 1.8
    element_alone: float = 1.25
    output_alone: float = 8.0
    table_row: float = 1.7
    table: float = 4.0
    element: float = 2.0
    element_unit: float = 0.6
    start: float = 8.0
    sum_unit: float = 1.5
    turn: float = 1.0
    worth: float = 1.15


def estimates(
    weight: Floats, rows: int, costs: Costs, wide: int, band: int, tables: bool
) -> dict[str, float]:
    """Form -> cycles.

    Args:
        weight: (outputs, inputs).
        rows: that it is multiplied by.
        costs: of the processor.
        wide: rows of a panel.
        band: inputs whose part of a panel stays in the first cache.
        tables: whether the processor looks up values in a register.
    """
    c = costs
    elements = int(np.count_nonzero(weight))
    used = int(np.count_nonzero(formats.slices(weight).any(-1)))
    if rows > c.few:
        return {
            "dense": _whole(rows, c.group) * c.dense * weight.size,
            "blocks": c.worth * _whole(rows, c.sparse_group) * c.block * used,
            "elements": c.worth * _panels(weight, elements, rows, c, wide, band),
        }
    found = {
        "dense": max(c.dense_alone, rows * c.dense) * weight.size,
        "blocks": c.worth * rows * c.block_alone * used,
        "rows": c.worth * rows * (c.element_alone * elements + c.output_alone * len(weight)),
    }
    if tables:
        packed = formats.tables(weight)
        looked_up = c.table_row * len(packed.values) + c.table * packed.counts.size
        found["tables"] = c.worth * rows * looked_up
    return found


def _panels(weight: Floats, elements: int, rows: int, c: Costs, wide: int, band: int) -> float:
    outputs, inputs = weight.shape
    units = wide / formats.SLICE
    bands = -(-inputs // band)
    each = elements * (c.element + c.element_unit * units)
    starts = bands * outputs * (c.start + c.sum_unit * units)
    turned = (inputs + outputs) * units * c.turn
    return float(-(-rows // wide) * (each + starts + turned))


def _whole(rows: int, group: int) -> int:
    """Rows in even groups, the last filled up."""
    groups = -(-rows // group)
    return groups * -(-rows // groups)
