"""Where does what stand in a file, and is the file whole?

    prefix (60 bytes) | header (deflated JSON) | graph | streams of tensor 1 | of tensor 2 | ...

The prefix says how long the file is and carries a SHA-256 of everything else. Nothing but the
prefix is looked at before that has been checked; nothing in the file is trusted after it.
"""

import hashlib
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from secateur.artifact.entries import GraphEntry, Stream, TensorEntry, about, crc32
from secateur.artifact.header import Header, from_json, to_json
from secateur.artifact.streams import decompress, deflate
from secateur.errors import ArtifactError

MAGIC = b"\x89SCT\r\n\x1a\n"  # not text, and changed by whatever rewrites line ends
VERSION = 1
PREFIX = struct.Struct("<8sHHIIQ32s")  # magic, version, flags, header stored, size, file, SHA-256
HASH_AT = PREFIX.size - 32
ALTERED = "do not match their checksum: the file was altered. Copy or download it again."
MAX_HEADER = 1 << 22
FREE_DENSE, DENSE_RATIO = 1 << 26, 1000
"""The tensors may fill 64 MiB, and on top of that 1000 times the file."""


@dataclass(frozen=True)
class Layout:
    """A file's bytes, cut into their parts."""

    data: bytes
    header: Header
    header_bytes: int  # with the prefix

    def parts(self) -> Iterator[tuple[GraphEntry | TensorEntry, list[bytes]]]:
        """The graph, then every tensor, each with its stored streams."""
        at = self.header_bytes
        entries: list[GraphEntry | TensorEntry] = [self.header.graph, *self.header.tensors]
        for entry in entries:
            stored = []
            for stream in entry.streams:
                stored.append(self.data[at : at + stream.stored])
                at += stream.stored
            yield entry, stored

    def damaged(self) -> str | None:
        """The first part that does not match its CRC-32."""
        wrong = (entry.title for entry, stored in self.parts() if crc32(stored) != entry.crc32)
        return next(wrong, None)


def assemble(header: Header, streams: Iterable[bytes]) -> bytes:
    """The bytes of a file, from its header and all streams in order."""
    text = to_json(header)
    stored = deflate(text)
    size = PREFIX.size + len(stored) + header.stored_bytes
    fields = (MAGIC, VERSION, 0, len(stored), len(text), size)
    body = b"".join((stored, *streams))
    digest = hashlib.sha256(PREFIX.pack(*fields, b"")[:HASH_AT] + body).digest()
    data = PREFIX.pack(*fields, digest) + body
    _header(data)  # what a reader would refuse is never written
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
    layout = _header(data)
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


def check_prefix(prefix: bytes, size: int) -> None:
    """Refuse a foreign file, a newer version, and a file of the wrong length."""
    if prefix[: len(MAGIC)] != MAGIC[: len(prefix)] or not prefix:
        start = f"starts with {prefix[:8]!r}" if prefix else "is empty"
        raise ArtifactError(f"it is not a .sct file: it {start}. Expected a file that secateur wrote.")
    if len(prefix) < PREFIX.size:
        raise ArtifactError(f"it is truncated to {size} bytes. Copy or download it again.")
    _, version, flags, *_, declared, _ = PREFIX.unpack(prefix)
    if version != VERSION or flags:
        raise ArtifactError(
            f"it has format version {version} (flags {flags}), written by a newer secateur than this "
            f"one, which reads version {VERSION}. Update with: pip install --upgrade secateur."
        )
    if size != declared:
        state = "truncated" if size < declared else "followed by bytes that are not its own"
        raise ArtifactError(f"it is {state}: {size:,} bytes, not {declared:,}. Copy or download it again.")


def _header(data: bytes) -> Layout:
    *_, stored, size, declared, _ = PREFIX.unpack_from(data)
    with about("header"):
        Stream("deflate", stored).check(size)
        if size > MAX_HEADER:
            raise ArtifactError(f"it has {size:,} bytes; at most {MAX_HEADER:,} are read.")
        text = decompress("deflate", data[PREFIX.size : PREFIX.size + stored], size)
        header = from_json(text)
    if header.dense_bytes > FREE_DENSE + DENSE_RATIO * declared:
        raise ArtifactError(
            f"it says that its {declared:,} bytes hold tensors of {header.dense_bytes:,} bytes, more "
            f"than {DENSE_RATIO} times as much."
        )
    layout = Layout(data, header, PREFIX.size + stored)
    if layout.header_bytes + header.stored_bytes != len(data):
        raise ArtifactError("the sizes of its parts do not add up to its size.")
    return layout


def _altered_part(data: bytes) -> str:
    try:
        return _header(data).damaged() or "header"
    except ArtifactError:
        return "header"
