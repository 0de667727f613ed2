"""Tensors of every kind, in every form that a `.sct` file can give them."""

import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from secateur.artifact import adaptive, rans
from secateur.artifact.dtypes import DTYPES, Array, to_words
from secateur.artifact.entries import GraphEntry, Stream, TensorEntry, matrix_shape
from secateur.artifact.header import Header
from secateur.artifact.layout import assemble
from secateur.artifact.positions import POSITIONS, Selection
from secateur.artifact.streams import LZMA, compress_text
from secateur.artifact.values import VALUES, Stored, Values

fixed = settings(derandomize=True, deadline=None)


def deflated(data: bytes) -> bytes:
    encoder = zlib.compressobj(wbits=-15)
    return encoder.compress(data) + encoder.flush()


CODERS: dict[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "deflate": deflated,
    "lzma": lambda data: lzma.compress(data, format=lzma.FORMAT_RAW, filters=LZMA),
    "rans": rans.encode,
    "adaptive": adaptive.encode,
}


@st.composite
def tensors(draw: st.DrawFn) -> Array:
    """Any dtype, shape, bit patterns (NaN payloads, -0.0, subnormals) and mask, down to no element."""
    dtype = draw(st.sampled_from(list(DTYPES.values())))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=7))
    bits = draw(hnp.arrays(f"u{dtype.itemsize}", shape))
    mask = draw(hnp.arrays(bool, shape))
    return np.asarray(bits * mask).view(dtype)


@st.composite
def pruned(draw: st.DrawFn) -> tuple[Array, Array]:
    """Compressed weights, and a scale for each row: all forms suit them."""
    rows, columns = draw(st.sampled_from([(1, 1), (1, 64), (8, 4), (16, 16), (24, 40), (5, 7)]))
    levels = draw(hnp.arrays(np.int8, (rows, columns), elements=st.sampled_from([0, 0, 0, 1, -1, 5, -127])))
    scales = draw(hnp.arrays(np.float32, rows, elements=st.sampled_from([0.0, 0.5, 1.0, 2.0**-20])))
    values = levels * scales[:, None]
    values[levels == 0] = 0
    values[np.signbit(values) & (values == 0)] = 0
    return values, scales


def forms(array: Array, codec: str, scales: Array | None = None) -> Iterator[tuple[TensorEntry, list[bytes]]]:
    """The array in all forms that hold it, its streams in the codec wherever a reader allows that."""
    words = to_words(array)
    matrix = words.reshape(matrix_shape(array.shape))
    for kind in POSITIONS.values():
        for selection in kind.find(matrix):
            steps = scales if array.dtype == np.float32 else None
            stored = Stored(selection.take(matrix), array.dtype, selection, steps)
            for values in (v for other in VALUES.values() for v in other.find(stored)):
                if (streams := values.encode(stored)) is not None:
                    yield _form(array, selection, values, [*selection.streams, *streams], codec)


def file_of(named: Iterable[tuple[str, tuple[TensorEntry, list[bytes]]]], metadata: dict[str, Any]) -> bytes:
    """A file with a graph that is none, and tensors in these forms."""
    graph = b"not really a graph " * 5
    codec, stored = compress_text(graph)
    entries, streams = [], [stored]
    for name, (entry, parts) in named:
        entries.append(replace(entry, name=name))
        streams += parts
    return assemble(
        Header(GraphEntry(Stream(codec, len(stored)), len(graph)), tuple(entries), metadata), streams
    )


def _form(
    array: Array, selection: Selection, values: Values, streams: list[bytes], codec: str
) -> tuple[TensorEntry, list[bytes]]:
    nonzero = int(np.count_nonzero(to_words(array)))
    shape, dtype = matrix_shape(array.shape), array.dtype
    count = selection.positions.stored(shape, nonzero)
    sizes = [*selection.positions.sizes(shape, nonzero), *values.sizes(count, dtype, shape)]
    coded = [_coded(data, codec if size else "raw") for data, size in zip(streams, sizes, strict=True)]
    entry = TensorEntry(
        name="w",
        dtype=dtype.name,
        shape=array.shape,
        positions=selection.positions,
        values=values,
        nonzero=nonzero,
        streams=tuple(Stream(name, len(data)) for name, data in coded),
    )
    return entry, [data for _, data in coded]


def _coded(data: bytes, codec: str) -> tuple[str, bytes]:
    stored = CODERS[codec](data)
    constant = codec == "rans" and len(set(data)) == 1
    believed = constant or len(data) <= {"adaptive": adaptive.MAX_RATIO}.get(codec, 256) * len(stored)
    return (codec, stored) if believed else ("raw", data)
