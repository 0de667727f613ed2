"""How much memory does an object file take on the device?"""

import struct
from collections.abc import Iterator

ALLOCATED, NO_BITS = 2, 8  # SHF_ALLOC among the flags of a section; SHT_NOBITS, one that is not stored


def stored_bytes(file: bytes) -> int | None:
    """Of all sections that lie in flash: code, tables, and where variables start; None of other formats."""
    if file[:4] != b"\x7fELF":
        return None
    return sum(size for kind, flags, size in _sections(file) if flags & ALLOCATED and kind != NO_BITS)


def _sections(file: bytes) -> Iterator[tuple[int, int, int]]:
    """(type, flags, size) of each, as the format's specification lays them out."""
    wide, order = file[4] == 2, "<" if file[5] == 1 else ">"
    start = struct.unpack_from(f"{order}{'Q' if wide else 'I'}", file, 0x28 if wide else 0x20)[0]
    each, count = struct.unpack_from(f"{order}HH", file, 0x3A if wide else 0x2E)
    for index in range(count):
        fields = struct.unpack_from(f"{order}II{'QQQQ' if wide else 'IIII'}", file, start + index * each)
        yield fields[1], fields[2], fields[5]
