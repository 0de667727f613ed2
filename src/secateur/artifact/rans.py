"""How do independent bytes come within two percent of their entropy?

Asymmetric numeral systems (rANS; Duda, arXiv 1311.2540), with one table for the whole stream and up
to 1024 states that take turns (Giesen, arXiv 1402.3392), so that NumPy handles as many symbols at once.
A state is a number from 2^16 up to 2^32. A symbol that has `f` of the 4096 slots, from slot `c` on,
multiplies it by about 4096 / f; the decoder reads the symbol off its lowest 12 bits.

Stored: log2 of the number of states; the table (`frequencies.pack`); the states, 32 bit; words, 16 bit.
"""

import numpy as np

from secateur.artifact.frequencies import (
    SLOTS,
    Integers,
    Shares,
    bits,
    histogram,
    pack,
    share,
    unpack,
)
from secateur.artifact.scalar import LOW, pop, push
from secateur.errors import ArtifactError

MAX_LANES = 1024
WIDE = 32  # from so many states on, NumPy overtakes the loop over single symbols
BYTES_PER_LANE = 800
"""A state takes 4 bytes: no more than 0.5 % of the stream."""
MAX_RATIO = 256
"""Symbols that a stored byte may stand for, unless all are one symbol: a hostile file is done soon."""


def encode(data: bytes) -> bytes:
    """The stream for at least one byte."""
    counts = histogram(data)
    shares = share(counts)
    lanes = _lanes(bits(shares, counts) / 8)
    states, words = (_push_wide if lanes >= WIDE else _push)(data, shares, lanes)
    head = bytes([lanes.bit_length() - 1]) + pack(shares)
    return head + states.astype("<u4").tobytes() + words.astype("<u2").tobytes()


def decode(stored: bytes, size: int) -> bytes:
    """The `size` bytes; ArtifactError where the stream is another's, altered or cut off."""
    if not stored or stored[0] > MAX_LANES.bit_length() - 1:
        raise ArtifactError(f"its data does not begin with a number of states up to {MAX_LANES}.")
    lanes = 1 << stored[0]
    shares, at = unpack(stored[1:])
    at += 1
    if len(stored) < at + 4 * lanes or len(stored) % 2 != at % 2:
        raise ArtifactError("its data is cut off.")
    states = np.frombuffer(stored, "<u4", lanes, at).astype(np.int64)
    words = np.frombuffer(stored, "<u2", offset=at + 4 * lanes)
    if (states < LOW).any():
        raise ArtifactError(f"its data has a state below {LOW}.")
    if not shares.single and size > MAX_RATIO * len(stored):
        raise ArtifactError(f"{len(stored):,} stored bytes cannot stand for {size:,}.")
    symbols, states, used = _pop_all(states, words, shares, size)
    if used != len(words) or (states != LOW).any():
        raise ArtifactError(f"its data does not end after {size:,} bytes.")
    return symbols


def cost(counts: Integers) -> float:
    """About how many bytes a stream takes for symbols with these counts, which are not all 0."""
    shares = share(counts)
    payload = bits(shares, counts) / 8
    return 1 + len(pack(shares)) + payload + 3 * _lanes(payload)  # a state holds a byte on average


def _lanes(payload: float) -> int:
    most = min(int(payload / BYTES_PER_LANE), MAX_LANES)
    return 1 << max(most.bit_length() - 1, 0)


def _push(data: bytes, shares: Shares, lanes: int) -> tuple[Integers, Integers]:
    if shares.single:
        return np.full(lanes, LOW), np.empty(0, np.int64)
    slots, starts = shares.slots, shares.starts
    states, words = push([slots[s] for s in data], [starts[s] for s in data], lanes)
    return np.array(states, np.int64), np.array(words, np.int64)


def _push_wide(data: bytes, shares: Shares, lanes: int) -> tuple[Integers, Integers]:
    """The same bytes as `_push`, all lanes at once."""
    symbols = np.frombuffer(data, np.uint8)
    slots, starts = np.array(shares.slots), np.array(shares.starts)
    states, chunks = np.full(lanes, LOW, np.int64), [np.empty(0, np.int64)]
    for at in reversed(range(0, len(symbols), lanes)):
        row = symbols[at : at + lanes]
        x, f = states[: len(row)], slots.take(row)  # the last row may be short; x is a view
        full = (x >= f << 20).nonzero()[0]
        chunks.append(x[full] & 0xFFFF)
        x[full] >>= 16
        quotient = x // f
        x += quotient * (SLOTS - f) + starts.take(row)
    return states, np.concatenate(chunks[::-1])


def _pop_all(states: Integers, words: Integers, shares: Shares, size: int) -> tuple[bytes, Integers, int]:
    if shares.single:
        return bytes([shares.top]) * size, states, 0
    if len(states) >= WIDE:
        return _pop_wide(states, words, shares, size)
    symbols, last, used = pop(states.tolist(), words.astype(np.uint16).data, shares, size)
    return symbols, np.array(last), used


def _pop_wide(states: Integers, words: Integers, shares: Shares, size: int) -> tuple[bytes, Integers, int]:
    """The same symbols as `scalar.pop`, all lanes at once."""
    slots = np.array(shares.slots)
    symbol_at = np.repeat(np.arange(len(slots), dtype=np.uint8), slots)
    slots_at, rank_at = np.repeat(slots, slots), np.arange(SLOTS) - np.repeat(shares.starts, slots)
    symbols, lanes, used = np.empty(size, np.uint8), len(states), 0
    words = words.astype(np.int64)
    for at in range(0, size, lanes):
        row = symbols[at : at + lanes]
        x = states[: len(row)]
        slot = x & (SLOTS - 1)
        row[:] = symbol_at.take(slot)
        x >>= 12
        x *= slots_at.take(slot)
        x += rank_at.take(slot)
        low = (x < LOW).nonzero()[0]
        end = used + len(low)
        if end > len(words):
            raise ArtifactError("its data is cut off.")
        x[low] = x[low] << 16 | words[used:end]
        used = end
    return symbols.tobytes(), states, used
