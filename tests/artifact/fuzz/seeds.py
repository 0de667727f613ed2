"""Which inputs does a fuzzer of the C decoder begin with? Tensors of every kind in every form.

python tests/artifact/fuzz/seeds.py FOLDER
"""

import struct
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from secateur.artifact.c.description import CODECS, NARROW, POSITIONS, VALUES, describe
from secateur.artifact.dtypes import Array
from secateur.artifact.entries import TensorEntry

SUPPORT = Path(__file__).parents[2] / "support"


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, (entry, stored) in enumerate(forms_of_all()):
        (folder / f"{number:04}").write_bytes(case(entry, stored))


def forms_of_all() -> Iterator[tuple[TensorEntry, list[bytes]]]:
    sys.path.insert(0, str(SUPPORT))  # as this is a script of its own, too
    from sct_forms import forms

    for codec in CODECS:
        for array, scales in tensors():
            yield from forms(array, codec, scales)


def tensors() -> list[tuple[Array, Array | None]]:
    """Arrays, and the scales of those that lie on a grid."""
    rng = np.random.default_rng(0)
    levels = rng.integers(-3, 4, (8, 16)) * (rng.random((8, 16)) < 0.3)
    scales = np.arange(1, 9, dtype=np.float32) / 8
    far = np.zeros(5000, np.int8)  # a gap that takes 32 bits more
    far[:1029] = far[-1] = 1
    return [
        ((levels.astype(np.float32) + 0) * scales[:, None], scales),
        (np.kron(rng.integers(0, 2, (4, 3)), np.full((4, 8), 1.1)).astype(np.float32), None),
        (rng.standard_normal(40).astype(np.float16), None),
        (rng.standard_normal((2, 3, 4)), None),
        (np.rint(20 * rng.standard_normal(4000)).astype(np.int8), None),  # enough for two lanes
        (rng.standard_normal(300) < -1.5, None),
        (np.zeros((3, 0), np.uint16), None),
        (np.array(-0.0, np.float32), None),
        (far, None),
    ]


def case(entry: TensorEntry, stored: Sequence[bytes]) -> bytes:
    """What fuzz_decode.c reads."""
    told = describe(entry)
    kinds = POSITIONS.index(told.positions), VALUES.index(told.values), NARROW.index(told.narrow)
    numbers = *told.block, told.parts, told.rows, told.count, told.stored, told.nonzero
    head = struct.pack("<6B7Q", *kinds, told.width, told.rotated, len(stored), *numbers)
    pairs = zip(entry.streams, stored, strict=True)
    sizes = [struct.pack("<BI", CODECS.index(stream.codec), len(data)) for stream, data in pairs]
    return head + b"".join(sizes) + b"".join(stored)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
