"""Where does what stand in a file, and is the file whole?

    prefix (60 bytes) | header (deflated JSON) | CRC-32s | graph | streams of tensor 1 | of tensor 2 | ...

The prefix says how long the file is and carries a SHA-256 of everything else. Nothing but the
prefix is looked at before that has been checked; nothing in the file is trusted after it.
"""

import hashlib
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from secateur.artifact import version1
from secateur.artifact.checks import about
from secateur.artifact.entries import GraphEntry, Stream, TensorEntry
from secateur.artifact.header import Header, from_json, to_json
from secateur.artifact.prefix import HASH_AT, MAGIC, PREFIX, VERSION, check_prefix
from secateur.artifact.streams import decompress, deflate
from secateur.errors import ArtifactError

ALTERED = "do not match their checksum: the file was altered. Copy or download it again."
MAX_HEADER = 1 << 22
FREE_DENSE, DENSE_RATIO = 1 << 26, 1000
"""The tensors may fill 64 MiB, and on top of that 1000 times the file."""
ALIGNED, BOUNDARY = 4096, 64
"""A raw stream of so many bytes begins at a multiple of so many, to be used where it is mapped."""


@dataclass(frozen=True)
class Layout:
    """A file's bytes, cut into their parts.

    Attributes:
        start: where the streams begin.
        checksums: CRC-32 of each stream; in version 1, of the streams of each part together.
    """

    data: bytes
    version: int
    header: Header
    start: int
    checksums: Sequence[int]

    def parts(self) -> Iterator[tuple[GraphEntry | TensorEntry, list[bytes]]]:
        """The graph, then every tensor, each with its stored streams."""
        at = self.start
        for entry in self.header.parts:
            stored = []
            for stream in entry.streams:
                at += self._padding(at, stream)
                stored.append(self.data[at : at + stream.stored])
                at += stream.stored
            yield entry, stored

    def damaged(self) -> str | None:
        """The first part that does not match its CRC-32."""
        checksums = iter(self.checksums)
        for entry, stored in self.parts():
            pieces = [b"".join(stored)] if self.version == 1 else stored
            for number, piece in enumerate(pieces, 1):
                if zlib.crc32(piece) != next(checksums):
                    many = len(pieces) > 1
                    return f"{entry.title}, stream {number} of {len(pieces)}" if many else entry.title
        return None

    def check_size(self) -> None:
        """Refuse parts that do not add up to the file, and padding that is not 0."""
        at = self.start
        for entry in self.header.parts:
            for stream in entry.streams:
                zeros = self._padding(at, stream)
                if any(self.data[at : at + zeros]):
                    raise ArtifactError(f"{entry.title}: the padding before a stream is not 0.")
                at += zeros + stream.stored
        if at != len(self.data):
            raise ArtifactError("the sizes of its parts do not add up to its size.")

    def _padding(self, at: int, stream: Stream) -> int:
        return padding(at, stream) if self.version > 1 else 0


def padding(at: int, stream: Stream) -> int:
    """Zeros between the offset `at` and the stream that comes next."""
    return -at % BOUNDARY if stream.codec == "raw" and stream.stored >= ALIGNED else 0


def assemble(header: Header, streams: Sequence[bytes]) -> bytes:
    """The bytes of a file, from its header and all streams in order."""
    text = to_json(header)
    stored = deflate(text)
    body = bytearray(stored + b"".join(zlib.crc32(data).to_bytes(4, "little") for data in streams))
    for stream, data in zip(header.streams, streams, strict=True):
        body += bytes(padding(PREFIX.size + len(body), stream)) + data
    fields = (MAGIC, VERSION, 0, len(stored), len(text), PREFIX.size + len(body))
    digest = hashlib.sha256(PREFIX.pack(*fields, b"")[:HASH_AT] + body).digest()
    data = PREFIX.pack(*fields, digest) + body
    _layout(data)  # what a reader would refuse is never written
    return data


def disassemble(data: bytes) -> Layout:
    """The parts of a file; ArtifactError where it is not one, not whole, or altered."""
    check_prefix(data[: PREFIX.size], len(data))
    *_, digest = PREFIX.unpack_from(data)
    view = memoryview(data)
    actual = hashlib.sha256(view[:HASH_AT])
    actual.update(view[PREFIX.size :])
    if actual.digest() != digest:
        raise ArtifactError(f"{_altered_part(data)}: the bytes {ALTERED}")
    layout = _layout(data)
    if part := layout.damaged():
        raise ArtifactError(f"{part}: the bytes {ALTERED}")
    return layout


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The whole file, read only after its first bytes say that it is one of ours."""
    try:
        with Path(path).open("rb") as file:
            check_prefix(file.read(PREFIX.size), os.fstat(file.fileno()).st_size)
            file.seek(0)
            return file.read()
    except OSError as error:
        raise ArtifactError(f"{error.strerror}. Check the path and its permissions.") from error


def _layout(data: bytes) -> Layout:
    _, version, _, stored, size, declared, _ = PREFIX.unpack_from(data)
    start = PREFIX.size + stored
    with about("header"):
        text = _header_text(data[PREFIX.size : start], size)
        if version == 1:
            header, checksums = version1.from_json(text)
        else:
            header = from_json(text)
            checksums = _checksums(data, start, len(header.streams))
            start += 4 * len(checksums)
    if header.dense_bytes > FREE_DENSE + DENSE_RATIO * declared:
        raise ArtifactError(
            f"it says that its {declared:,} bytes hold tensors of {header.dense_bytes:,} bytes, more "
            f"than {DENSE_RATIO} times as much."
        )
    layout = Layout(data, version, header, start, checksums)
    layout.check_size()
    return layout


def _header_text(stored: bytes, size: int) -> bytes:
    Stream("deflate", len(stored)).check(size)
    if size > MAX_HEADER:
        raise ArtifactError(f"it has {size:,} bytes; at most {MAX_HEADER:,} are read.")
    return decompress("deflate", stored, size)


def _checksums(data: bytes, at: int, count: int) -> list[int]:
    if len(data) < at + 4 * count:
        raise ArtifactError(f"behind it is no room for {count:,} checksums.")
    return list(struct.unpack_from(f"<{count}I", data, at))


def _altered_part(data: bytes) -> str:
    try:
        return _layout(data).damaged() or "header"
    except ArtifactError:
        return "header"
