"""What if whole blocks of words are stored or left out?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from secateur.artifact.dtypes import Array, Words
from secateur.artifact.positions.mask import pack_bits, unpack_bits
from secateur.artifact.positions.protocol import Index, Selection, Shape, Size
from secateur.errors import ArtifactError

SIDES = (4, 8, 16)
"""Sizes that are tried along a row and down a column; a whole row and column come on top."""


@dataclass(frozen=True)
class Blocks:
    """All words of each block in which any is not 0; block after block, row by row within one.

    Attributes:
        rows: of a block; they divide those of the matrix.
        columns: of a block; they divide those of the matrix.
        occupied: blocks that are stored.
    """

    rows: int
    columns: int
    occupied: int

    def stored(self, shape: Shape, nonzero: int) -> int:
        """The words of all occupied blocks, zeros among them."""
        size = self.rows * self.columns
        if not size or shape[0] % self.rows or shape[1] % self.columns or self.occupied * size > prod(shape):
            raise ArtifactError(
                f"{self.occupied:,} blocks of {self.rows}x{self.columns} do not fit {shape[0]}x{shape[1]}."
            )
        return self.occupied * size

    def sizes(self, shape: Shape, nonzero: int) -> Sequence[Size]:
        """A bit for each block, in whole bytes."""
        return [-(-prod(self._blocks(shape)) // 8)]

    def view(self, matrix: Array) -> Array:
        """Two axes that number the blocks, and two within a block."""
        tall, wide = self._blocks(matrix.shape)
        return matrix.reshape(tall, self.rows, wide, self.columns).swapaxes(1, 2)

    def decode(self, streams: Sequence[bytes], shape: Shape, nonzero: int) -> Index:
        """The mask of the blocks."""
        blocks = self._blocks(shape)
        return unpack_bits(streams[0], prod(blocks), self.occupied).reshape(blocks)

    def _blocks(self, shape: tuple[int, ...]) -> Shape:
        return shape[0] // self.rows, shape[1] // self.columns

    @classmethod
    def find(cls, matrix: Words) -> Iterator[Selection]:
        """Every size that divides the matrix and leaves anything out."""
        rows, columns = matrix.shape
        sizes = {(1, n) for n in (*SIDES, columns)} | {(n, 1) for n in (*SIDES, rows)}
        for tall, wide in sorted(sizes - {(1, 1)}) if matrix.size else []:
            if rows % tall == 0 and columns % wide == 0:
                mask = (cls(tall, wide, 0).view(matrix) != 0).any(axis=(2, 3))
                if not mask.all():
                    yield Selection(cls(tall, wide, int(mask.sum())), mask, matrix.shape, [pack_bits(mask)])

    def __str__(self) -> str:
        return f"blocks {self.rows}x{self.columns}"
