"""What must a way of writing words be able to do?"""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from secateur.artifact.dtypes import Words
from secateur.artifact.positions import Selection, Shape, Size


class Stored(NamedTuple):
    """Words to be written.

    Attributes:
        words: in the order of the file.
        dtype: the tensor's.
        selection: which words of which matrix they are.
        scales: for each row of the matrix, the number whose multiples its values may be.
    """

    words: Words
    dtype: np.dtype[Any]
    selection: Selection
    scales: NDArray[np.float32] | None


class Values(Protocol):
    """A way of writing words, as a fixed number of streams of known sizes.

    Implementations are frozen dataclasses; their fields are in the file's header, where they are not
    the default.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def symbols(self, dtype: np.dtype[Any]) -> int:
        """How many bytes of the streams each word takes, before compression."""

    def sizes(self, stored: int, dtype: np.dtype[Any], shape: Shape) -> Sequence[Size]:
        """Bytes of each stream, for so many words; ArtifactError where a tensor cannot have such values."""

    def encode(self, stored: Stored) -> list[bytes] | None:
        """The streams; None where these words cannot be written so."""

    def decode(self, streams: Sequence[bytes], dtype: np.dtype[Any], selection: Selection) -> Words:
        """The words; ArtifactError where streams of the right sizes contradict the rest."""

    @classmethod
    def find(cls, stored: Stored) -> Iterator[Self]:
        """What may be worth it for these words."""

    def text(self, sizes: Sequence[int], dtype: np.dtype[Any]) -> str:
        """What people read, from the bytes of the streams in the file."""
