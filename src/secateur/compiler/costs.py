"""What does each piece of a layer's work cost on a processor?"""

from collections.abc import Mapping
from dataclasses import dataclass

SECOND_CACHE = 512 * 1024  # bytes of weights that stay there from tile to tile, and from call to call


@dataclass(frozen=True)
class ConvCosts:
    """Of a convolution, in nanoseconds; only what they are to one another counts.

    Attributes:
        cache: bytes of the first cache that the pixels of a block of channels may fill.
        element: one weight, each time that it is read.
        element_vector: one weight and one vector of pixels.
        far_vector: likewise, where the pixels do not come from the first cache.
        sums: starting and storing the sums of one output.
        sum_vector: one vector of them.
        carried_vector: likewise, of sums that go on from an earlier block of channels.
        column: one column of a block of rows, each time that it is read.
        block_vector: one row of a block and one vector of pixels.
        far_block_vector: one column and one vector of pixels that do not come from the first cache.
        pack_vector: one vector of the panel.
        pack_row: one row of pixels that is copied.
        stage_row: one row of pixels of the output that is copied.
    """

    cache: float
    element: float
    element_vector: float
    far_vector: float
    sums: float
    sum_vector: float
    carried_vector: float
    column: float
    block_vector: float
    far_block_vector: float
    pack_vector: float
    pack_row: float
    stage_row: float


@dataclass(frozen=True)
class MatrixCosts:
    """Of a product with a constant matrix, in nanoseconds; only what they are to one another counts.

    Attributes:
        dense: one weight and one row.
        dense_alone: one weight, however few rows there are: what it takes to read it.
        block: one input of a sparse slice and one row.
        block_alone: the same, of rows computed by themselves.
        element_alone: one element, without tables.
        output_alone: one output's loop over its elements.
        window_row: one row of a slice, from a window of the inputs.
        window_slice: one slice of them.
        element: one element of a panel: its weight and place.
        element_vector: one element and one vector of rows.
        start: one output in one band.
        sum_vector: a vector of its sums.
        turn: a vector of x or y that is transposed.
        far_byte: one byte of weights that are too many for the second cache.
    """

    dense: float
    dense_alone: float
    block: float
    block_alone: float
    element_alone: float
    output_alone: float
    window_row: float
    window_slice: float
    element: float
    element_vector: float
    start: float
    sum_vector: float
    turn: float
    far_byte: float


@dataclass(frozen=True)
class Costs:
    """Of all that there are several ways for.

    Attributes:
        conv: of convolutions.
        matrix: of products with a constant matrix.
    """

    conv: ConvCosts
    matrix: MatrixCosts


def total(pieces: Mapping[str, float], costs: ConvCosts | MatrixCosts) -> float:
    """Nanoseconds of so many of each piece of work."""
    return sum(count * float(getattr(costs, piece)) for piece, count in pieces.items())


WIDE = Costs(
    ConvCosts(
        cache=28 * 1024,
        element=1.0,
        element_vector=0.62,
        far_vector=0.55,
        sums=0.0,
        sum_vector=2.1,
        carried_vector=2.1,
        column=0.5,
        block_vector=0.53,
        far_block_vector=0.0,
        pack_vector=1.5,
        pack_row=4.0,
        stage_row=15.0,
    ),
    MatrixCosts(
        dense=0.036,
        dense_alone=0.09,
        block=0.62,
        block_alone=1.8,
        element_alone=1.25,
        output_alone=8.0,
        window_row=2.0,
        window_slice=12.0,
        element=2.0,
        element_vector=0.6,
        start=8.0,
        sum_vector=1.5,
        turn=1.0,
        far_byte=0.0,
    ),
)
"""Of AVX-512 (AMD Zen 5), in cycles: fitted by hand to the layers of `benchmarks.engine`."""
NARROW = Costs(
    ConvCosts(
        cache=28 * 1024,
        element=0.264,
        element_vector=0.198,
        far_vector=0.103,
        sums=2.72,
        sum_vector=0.547,
        carried_vector=0.541,
        column=0.644,
        block_vector=0.126,
        far_block_vector=0.049,
        pack_vector=0.625,
        pack_row=0.0,
        stage_row=7.45,
    ),
    MatrixCosts(
        dense=0.023,
        dense_alone=0.0775,
        block=0.381,
        block_alone=0.872,
        element_alone=0.417,
        output_alone=2.14,
        window_row=1.16,
        window_slice=0.0,
        element=0.194,
        element_vector=0.434,
        start=0.63,
        sum_vector=0.294,
        turn=3.6,
        far_byte=0.0025,
    ),
)
"""Of AVX2 (AMD Zen 3), in nanoseconds: what `secateur calibrate` measured."""
