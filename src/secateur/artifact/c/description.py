"""What does the C decoder have to be told about a tensor of a `.sct` file?"""

from dataclasses import dataclass

from secateur.artifact.dtypes import DTYPES
from secateur.artifact.entries import TensorEntry
from secateur.artifact.positions import POSITIONS as POSITION_CLASSES
from secateur.artifact.positions.blocks import Blocks
from secateur.artifact.values import VALUES as VALUE_CLASSES
from secateur.artifact.values.codebook import Codebook
from secateur.artifact.values.plain import Planes, Whole

CODECS = ("raw", "rans", "adaptive")  # each tuple is an enum of sct_decode.h, in its order
POSITIONS = ("all", "mask", "gaps", "blocks")
VALUES = ("words", "planes", "codebook", "grid")
NARROW = ("full", "bfloat16", "float16")


@dataclass(frozen=True)
class Description:
    """The fields of `sct_tensor`, enums by name; sct_decode.h explains them."""

    positions: str
    block: tuple[int, int]
    values: str
    narrow: str
    parts: int
    width: int
    rotated: bool
    rows: int
    count: int
    stored: int
    nonzero: int


def describe(entry: TensorEntry) -> Description:
    """The description that goes with the entry's streams."""
    positions, values = entry.positions, entry.values
    return Description(
        positions=next(name for name, kind in POSITION_CLASSES.items() if type(positions) is kind),
        block=(positions.rows, positions.columns) if isinstance(positions, Blocks) else (0, 0),
        values=next(name for name, kind in VALUE_CLASSES.items() if type(values) is kind),
        narrow=(isinstance(values, Planes | Whole) and values.narrow) or "full",
        parts=values.parts if isinstance(values, Codebook) else 1,
        width=DTYPES[entry.dtype].itemsize,
        rotated="float" in entry.dtype,
        rows=entry.matrix[0],
        count=entry.count,
        stored=entry.stored,
        nonzero=entry.nonzero,
    )
