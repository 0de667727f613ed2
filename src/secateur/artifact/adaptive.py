"""How do a few hundred bytes compress without a table of frequencies?

Each symbol is a path of binary decisions in a tree, highest bit first. Every node counts what it has
seen, and rANS codes its next decision with the probability (n + 1/2) / (total + 1), the estimate of
Krichevsky and Trofimov (IEEE Trans. Inf. Theory 27, 1981). Coder and decoder learn alike, so no table
is stored: the way of CABAC and lzma, without their approximations, as streams are short.

Stored: the tree's depth; one state, 32 bit; words, 16 bit.
"""

import struct
from collections.abc import Iterator
from math import lgamma, log

import numpy as np

from secateur.artifact.frequencies import SLOTS, Integers
from secateur.artifact.scalar import LOW, push
from secateur.errors import ArtifactError

MAX_SYMBOLS = 1 << 14
"""One decision at a time is slow, and long streams do not mind a table."""
MAX_RATIO = 32
"""Symbols that a stored byte may stand for: a hostile file is done soon."""
HEAD = struct.Struct("<BI")


def encode(data: bytes) -> bytes:
    """The stream for at least one byte, and up to `MAX_SYMBOLS` of them."""
    depth = max(1, max(data).bit_length())
    slots, starts = zip(*_decisions(data, depth), strict=True)
    (state,), words = push(slots, starts, 1)
    return HEAD.pack(depth, state) + struct.pack(f"<{len(words)}H", *words)


def decode(stored: bytes, size: int) -> bytes:
    """The `size` bytes; ArtifactError where the stream is another's, altered or cut off."""
    if size > min(MAX_SYMBOLS, MAX_RATIO * len(stored)):
        raise ArtifactError(f"{len(stored):,} stored bytes of an adaptive stream cannot stand for {size:,}.")
    if len(stored) < HEAD.size or len(stored) % 2 != HEAD.size % 2:
        raise ArtifactError("its data is cut off.")
    depth, state = HEAD.unpack_from(stored)
    if not 1 <= depth <= 8 or state < LOW:
        raise ArtifactError(f"its data begins with a depth of {depth} and a state of {state:,}.")
    words = iter(np.frombuffer(stored, "<u2", offset=HEAD.size).astype(np.uint16).data)
    try:
        symbols, state = _pop(state, words, depth, size)
    except StopIteration:
        raise ArtifactError("its data is cut off.") from None
    if state != LOW or next(words, None) is not None:
        raise ArtifactError(f"its data does not end after {size:,} bytes.")
    return symbols


def cost(counts: Integers) -> float:
    """About how many bytes a stream takes for symbols with these counts, which are not all 0."""
    depth = max(1, int(counts.nonzero()[0][-1]).bit_length())
    seen = counts[: 1 << depth]
    nats = 0.0
    while len(seen) > 1:
        pairs = seen.reshape(-1, 2)
        nats += sum(_nats(zeros, ones) for zeros, ones in pairs.tolist() if zeros or ones)
        seen = pairs.sum(axis=1)
    return 4 + nats / log(2) / 8  # the state holds a byte on average


def _nats(zeros: int, ones: int) -> float:
    """What a node costs: the logarithm of the probabilities' product, which the order does not change."""
    return lgamma(zeros + ones + 1) - lgamma(zeros + 0.5) - lgamma(ones + 0.5) + 2 * lgamma(0.5)


def _decisions(data: bytes, depth: int) -> Iterator[tuple[int, int]]:
    """Slots and first slot of each decision."""
    counts = [[1, 1] for _ in range(1 << depth)]  # twice the estimate's numerators
    for symbol in data:
        node = 1
        for level in reversed(range(depth)):
            seen, bit = counts[node], symbol >> level & 1
            ones = max(1, SLOTS * seen[1] // (seen[0] + seen[1]))
            yield (ones, SLOTS - ones) if bit else (SLOTS - ones, 0)
            seen[bit] += 2
            node = 2 * node + bit


def _pop(x: int, words: Iterator[int], depth: int, size: int) -> tuple[bytes, int]:
    """The symbols and the state afterwards; StopIteration where the words do not last."""
    zeros, ones = [1] * (1 << depth), [1] * (1 << depth)
    symbols = bytearray(size)
    for i in range(size):
        node = 1
        for _ in range(depth):
            n0, n1 = zeros[node], ones[node]
            start = SLOTS - max(1, SLOTS * n1 // (n0 + n1))
            slot = x & (SLOTS - 1)
            if slot >= start:
                x = (SLOTS - start) * (x >> 12) + slot - start
                ones[node] = n1 + 2
                node = 2 * node + 1
            else:
                x = start * (x >> 12) + slot
                zeros[node] = n0 + 2
                node = 2 * node
            if x < LOW:
                x = x << 16 | next(words)
        symbols[i] = node - (1 << depth)
    return bytes(symbols), x
