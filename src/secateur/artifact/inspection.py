"""What does a `.sct` file say about itself, without its tensors being decoded?"""

import hashlib
import os
from dataclasses import dataclass
from typing import Any

from secateur.artifact.checks import about
from secateur.artifact.entries import TensorEntry
from secateur.artifact.layout import disassemble, read_bytes


@dataclass(frozen=True)
class Inspection:
    """What a file says about itself: its checksums hold, its tensors were not decoded.

    Attributes:
        sha256: of the whole file, as `sha256sum` prints it.
        header_bytes: with the prefix before it and the checksums behind it.
        tensor_bytes: with what aligns them. The three parts add up to `file_bytes`.
    """

    version: int
    file_bytes: int
    sha256: str
    header_bytes: int
    graph_bytes: int
    tensor_bytes: int
    metadata: dict[str, Any]
    entries: tuple[TensorEntry, ...]

    @property
    def count(self) -> int:
        """Elements of all tensors."""
        return sum(entry.count for entry in self.entries)

    @property
    def nonzero(self) -> int:
        """Elements whose bits are not all zero."""
        return sum(entry.nonzero for entry in self.entries)

    @property
    def sparsity(self) -> float:
        """Fraction of all elements that are zero."""
        return 1 - self.nonzero / self.count if self.count else 0.0

    @property
    def dense_bytes(self) -> int:
        """Bytes of the plain arrays."""
        return sum(entry.dense_bytes for entry in self.entries)


def inspect(path: str | os.PathLike[str]) -> Inspection:
    """What a `.sct` file says about itself, after checking its checksums."""
    with about(str(path)):
        layout = disassemble(read_bytes(path))
    header = layout.header
    return Inspection(
        version=layout.version,
        file_bytes=len(layout.data),
        sha256=hashlib.sha256(layout.data).hexdigest(),
        header_bytes=layout.start,
        graph_bytes=header.graph.stream.stored,
        tensor_bytes=len(layout.data) - layout.start - header.graph.stream.stored,
        metadata=header.metadata,
        entries=header.tensors,
    )
