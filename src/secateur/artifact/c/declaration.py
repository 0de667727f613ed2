"""How does a `.sct` file become constants in the flash of a device?"""

import itertools
import os
import re
from collections.abc import Iterable, Iterator, Sequence

from secateur.artifact.c.description import CODECS, describe
from secateur.artifact.checks import about
from secateur.artifact.entries import TensorEntry
from secateur.artifact.layout import disassemble, read_bytes
from secateur.artifact.streams import Coded, decompress, entropy_coded
from secateur.errors import ArtifactError

BYTES_PER_LINE = 24
KEYWORDS = """
    alignas alignof asm auto bool break case char const constexpr continue default do double else enum extern
    false float for goto if inline int long nullptr register restrict return short signed sizeof static
    static_assert struct switch thread_local true typedef typeof typeof_unqual union unsigned void volatile
    while
"""
RESERVED = re.compile(
    "|".join(KEYWORDS.split())
    + r"|main|NULL|offsetof|(sct|SCT)_\w*|(u?int\w*|size|ptrdiff|wchar|max_align)_t"
    + r"|(U?INT\w*|SIZE|PTRDIFF|WCHAR)_(MAX|MIN)"
)
"""Keywords of C, and names of the decoder and of the headers that it includes."""


def header(path: str | os.PathLike[str]) -> str:
    """All tensors of a file as a C header: a `sct_tensor` each, by its name in C.

    `fc.weight` becomes `fc_weight`; a second tensor that would get that name becomes `fc_weight_2`, or the
    next that is free; what is no name in C, or means something there, gets a `t` in front.

    Raises:
        ArtifactError: the file is damaged, foreign or too new.
    """
    with about(str(path)):
        _, *parts = disassemble(read_bytes(path)).parts()
        tensors = [(entry, stored) for entry, stored in parts if isinstance(entry, TensorEntry)]
        names = _names_in_c((entry.name, len(entry.streams)) for entry, _ in tensors)
        texts = (
            f"\n/* {_comment(entry)} */\n{declare(name, entry, stored)}"
            for name, (entry, stored) in zip(names, tensors, strict=True)
        )
        return '#include "sct_decode.h"\n' + "".join(texts)


def declare(name: str, entry: TensorEntry, stored: Sequence[bytes]) -> str:
    """One tensor as constants in C: `sct_tensor NAME`, and the number of its elements as `NAME_count`.

    Streams that a device does not decode (deflate, lzma) are coded anew, as raw, rans or adaptive.

    Args:
        name: in C.
        entry: what the file's header says.
        stored: the entry's streams, as they are in the file.

    Returns:
        A text that needs `sct_decode.h` before it.

    Raises:
        ArtifactError: `name` cannot be one in C; a stream is damaged.
    """
    if not (name.isidentifier() and name.isascii()) or RESERVED.fullmatch(name):
        raise ArtifactError(
            f"{name!r} cannot be a name in C. Expected letters, digits and _, for example w1, and no word of "
            "C or of its decoder."
        )
    coded = [
        _readable(stream.codec, data, size)
        for stream, data, size in zip(entry.streams, stored, entry.sizes, strict=True)
    ]
    arrays = [_array(f"{name}_{number}", data) for number, (_, data) in enumerate(coded) if data]
    rows = [
        f"    {{SCT_{codec.upper()}, {f'{name}_{number}' if data else 0}, {len(data)}}},\n"
        for number, (codec, data) in enumerate(coded)
    ]
    streams = f"static const sct_stream {name}_streams[] = {{\n{''.join(rows)}}};\n"
    return "".join(arrays) + streams + _tensor(name, entry, len(coded))


def _names_in_c(tensors: Iterable[tuple[str, int]]) -> Iterator[str]:
    """From names and numbers of streams."""
    taken: set[str] = set()
    for name, streams in tensors:
        plain = re.sub(r"[^0-9A-Za-z_]", "_", name)
        plain = plain if plain[:1].isalpha() and not RESERVED.fullmatch(plain) else f"t{plain}"
        candidates = itertools.chain([plain], (f"{plain}_{number}" for number in itertools.count(2)))
        free = next(c for c in candidates if taken.isdisjoint(_declared(c, streams)))
        taken |= _declared(free, streams)
        yield free


def _declared(name: str, streams: int) -> set[str]:
    """All names that `declare` makes of one."""
    return {name, f"{name}_count", f"{name}_streams", *(f"{name}_{number}" for number in range(streams))}


def _comment(entry: TensorEntry) -> str:
    """The name as in the file, where it cannot end the comment."""
    name = re.sub(r"[^ -~]|\*/", "?", entry.name)
    return f"{name}: {entry.dtype} {list(entry.shape)}, {entry.encoding}"


def _readable(codec: str, stored: bytes, size: int | None) -> Coded:
    """The stream as it is, or coded anew for a device."""
    if codec in CODECS or size is None:
        return codec, stored
    return entropy_coded(decompress(codec, stored, size))


def _array(name: str, data: bytes) -> str:
    lines = [data[at : at + BYTES_PER_LINE] for at in range(0, len(data), BYTES_PER_LINE)]
    text = "".join("    " + ",".join(map(str, line)) + ",\n" for line in lines)
    return f"static const uint8_t {name}[] = {{\n{text}}};\n"


def _tensor(name: str, entry: TensorEntry, streams: int) -> str:
    told = describe(entry)
    fields = {
        "positions": f"SCT_{told.positions.upper()}",
        "block": f"{{{told.block[0]}, {told.block[1]}}}",
        "values": f"SCT_{told.values.upper()}",
        "narrow": f"SCT_{told.narrow.upper()}",
        "parts": told.parts,
        "width": told.width,
        "rotated": int(told.rotated),
        "rows": told.rows,
        "count": told.count,
        "stored": told.stored,
        "nonzero": told.nonzero,
        "streams": streams,
        "stream": f"{name}_streams",
    }
    text = "".join(f"    .{field} = {value},\n" for field, value in fields.items())
    return f"enum {{ {name}_count = {told.count} }};\nstatic const sct_tensor {name} = {{\n{text}}};\n"
