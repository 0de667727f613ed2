"""Which words of a tensor are stored, and in which order?

A tensor is seen as a matrix: one row for each index of its first axis; a tensor of no or one axis
is one row. To add an answer: write a class with the methods of `Positions`, and register it in
`POSITIONS`. Writer and reader, and the tests, go through that table.
"""

from secateur.artifact.positions.blocks import Blocks
from secateur.artifact.positions.every import All
from secateur.artifact.positions.gaps import Gaps
from secateur.artifact.positions.mask import Mask
from secateur.artifact.positions.protocol import Index, Positions, Selection, Shape, Size

POSITIONS: dict[str, type[Positions]] = {"all": All, "mask": Mask, "gaps": Gaps, "blocks": Blocks}

__all__ = ["POSITIONS", "Index", "Positions", "Selection", "Shape", "Size"]
