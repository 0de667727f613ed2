"""How is the C decoder, compiled for this machine, called from Python?

A firmware engineer can try it here before it runs on a device; tests and benchmarks do.
"""

import ctypes
import subprocess
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from secateur.artifact.c.description import CODECS, NARROW, POSITIONS, VALUES, Description, describe
from secateur.artifact.dtypes import DTYPES, Array
from secateur.artifact.entries import TensorEntry
from secateur.artifact.streams import Coded
from secateur.errors import ArtifactError, SecateurError

WORK = 1 << 15  # bytes, more than sizeof(sct_work)


class _Stream(ctypes.Structure):
    _fields_ = (("codec", ctypes.c_uint), ("data", ctypes.c_char_p), ("size", ctypes.c_size_t))


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("positions", ctypes.c_uint),
        ("block", ctypes.c_size_t * 2),
        ("values", ctypes.c_uint),
        ("narrow", ctypes.c_uint),
        ("parts", ctypes.c_size_t),
        ("width", ctypes.c_uint),
        ("rotated", ctypes.c_uint),
        ("rows", ctypes.c_size_t),
        ("count", ctypes.c_size_t),
        ("stored", ctypes.c_size_t),
        ("nonzero", ctypes.c_size_t),
        ("streams", ctypes.c_size_t),
        ("stream", ctypes.POINTER(_Stream)),
    )


class Decoder:
    """The compiled decoder.

    Args:
        library: what `build` made.
    """

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        self._library.sct_decode.argtypes = (
            *(ctypes.POINTER(_Tensor), ctypes.c_void_p, ctypes.c_size_t),
            ctypes.c_char_p,
        )
        self._library.sct_message.restype = ctypes.c_char_p
        self._work = ctypes.create_string_buffer(WORK)

    def decode(self, entry: TensorEntry, stored: Sequence[bytes]) -> Array:
        """The tensor; ArtifactError where a stream is damaged, or has a codec that only Python decodes."""
        return self.decode_into(np.empty(entry.shape, DTYPES[entry.dtype]), entry, stored)

    def decode_into(self, out: Array, entry: TensorEntry, stored: Sequence[bytes]) -> Array:
        """The same in memory that is there: `out` has the entry's shape and dtype, row-major."""
        coded = [(stream.codec, data) for stream, data in zip(entry.streams, stored, strict=True)]
        message = self.call(out, describe(entry), coded)
        if message:
            raise ArtifactError(f"{entry.title}: {message}.")
        return out

    def call(self, out: Array, told: Description, coded: Sequence[Coded]) -> str | None:
        """Call `sct_decode` with whatever is told; its message, or None where it decoded the tensor."""
        numbers = [CODECS.index(codec) if codec in CODECS else len(CODECS) for codec, _ in coded]
        streams = [_Stream(number, data, len(data)) for number, (_, data) in zip(numbers, coded, strict=True)]
        tensor = _Tensor(
            POSITIONS.index(told.positions),
            told.block,
            VALUES.index(told.values),
            NARROW.index(told.narrow),
            *(told.parts, told.width, told.rotated, told.rows, told.count, told.stored, told.nonzero),
            len(streams),
            (_Stream * len(streams))(*streams),
        )
        result = self._library.sct_decode(tensor, out.ctypes.data, out.nbytes, self._work)
        return self._library.sct_message(result).decode() if result else None


def build(folder: Path, compiler: str = "cc", flags: Sequence[str] = ("-O2",)) -> Path:
    """Compile the decoder to a shared library in `folder`; its path.

    Raises:
        SecateurError: there is no such compiler, or it fails.
    """
    library = folder / "libsct_decode.so"
    with as_file(files(__package__)) as sources:
        inputs = ["-shared", "-fPIC", str(sources / "sct_decode.c")]
        command = [compiler, "-std=c99", *flags, *inputs, "-o", str(library)]
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise SecateurError(f"There is no C compiler {compiler!r} on the PATH. Name another.") from error
        except subprocess.CalledProcessError as error:
            raise SecateurError(f"{compiler} did not compile the decoder: {error.stderr}") from error
    return library
