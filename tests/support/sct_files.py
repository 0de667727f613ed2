"""A small `.sct` file with everything in it, and ways to alter it as an attacker would."""

import hashlib
import json
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
from sct_forms import deflated, file_of, forms

from secateur.artifact.layout import disassemble
from secateur.artifact.prefix import HASH_AT, PREFIX

Json = dict[str, Any]


@cache
def small() -> bytes:
    """A file with every kind of positions and values, every codec, a scalar and a tensor of nothing."""
    i = np.arange(96)
    pruned = np.where(i * i % 97 < 16, i % 3 + 1, 0).reshape(8, 12).astype(np.float32)
    halves = np.where(i < 48, i % 5, i % 3 + 9).reshape(8, 12).astype(np.int16)
    scales = np.linspace(0.1, 1, 8, dtype=np.float32)
    chosen = [
        ("conv.weight", pruned, "gaps, codebook of 3", "rans"),
        ("mask", pruned, "mask, bfloat16 words", "deflate"),
        ("blocks", np.kron(np.eye(2, 24), np.ones((4, 1))), "blocks 4x1, planes", "adaptive"),
        ("halves", halves, "all, 2 codebooks of 5", "lzma"),
        ("grid", pruned * scales[:, None], "all, grid", "adaptive"),
        ("bias", i[1:7].astype(np.float16), "all, words", "raw"),
        ("steps", np.array(1000), "all, words", "raw"),
        ("none", np.zeros((3, 0), np.float32), "all, words", "raw"),
    ]
    found = []
    for name, array, encoding, codec in chosen:
        (form,) = [form for form in forms(array, codec, scales) if form[0].encoding == encoding]
        found.append((name, form))
    return file_of(found, {"recipe": {"sparsity": 0.9}, "by": "tést"})


def resealed(data: bytes) -> bytes:
    """The bytes with the SHA-256 that an attacker would compute."""
    digest = hashlib.sha256(data[:HASH_AT] + data[PREFIX.size :]).digest()
    return data[:HASH_AT] + digest + data[PREFIX.size :]


def header_of(data: bytes) -> Json:
    stored = PREFIX.unpack_from(data)[3]
    header: Json = json.loads(zlib.decompress(data[PREFIX.size : PREFIX.size + stored], wbits=-15))
    return header


def with_header(data: bytes, header: Any, streams: list[bytes] | None = None) -> bytes:
    """Another header, sealed, before the same bytes, or before these streams with their checksums."""
    magic, version, flags, old, *_ = PREFIX.unpack_from(data)
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    stored = deflated(text)
    checksums = b"".join(zlib.crc32(stream).to_bytes(4, "little") for stream in streams or [])
    rest = data[PREFIX.size + old :] if streams is None else checksums + b"".join(streams)
    body = stored + rest
    fields = (magic, version, flags, len(stored), len(text), PREFIX.size + len(body), bytes(32))
    return resealed(PREFIX.pack(*fields) + body)


def streams_of(data: bytes) -> list[bytes]:
    return [stream for _, streams in disassemble(data).parts() for stream in streams]


@contextmanager
def memory_below(limit: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()
