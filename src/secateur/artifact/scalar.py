"""How does rANS put symbols into states and take them out again, one at a time?

Short streams go this way, and it says what the fast way in `rans` must do.
"""

from collections.abc import Sequence

from secateur.artifact.frequencies import SLOTS, Shares
from secateur.errors import ArtifactError

LOW = 1 << 16
"""States begin here, end here, and stay at or above: below, 16 bits move in."""


def push(slots: Sequence[int], starts: Sequence[int], lanes: int) -> tuple[list[int], list[int]]:
    """The states and 16-bit words for symbols given by their slots; symbol i goes to lane i % lanes.

    Backwards, last symbol first, so that the decoder goes forwards.
    """
    states, words = [LOW] * lanes, []
    for i in reversed(range(len(slots))):
        x, f = states[i % lanes], slots[i]
        if x >= f << 20:  # it would grow out of 32 bits
            words.append(x & 0xFFFF)
            x >>= 16
        states[i % lanes] = (x // f << 12) + x % f + starts[i]
    return states, words[::-1]


def pop(states: list[int], words: Sequence[int], shares: Shares, size: int) -> tuple[bytes, list[int], int]:
    """The symbols, the states afterwards, and how many words were used."""
    owner = [(symbol, f, start) for symbol, f, start in _table(shares) for _ in range(f)]
    symbols, lanes, used = bytearray(size), len(states), 0
    for i in range(size):
        x = states[i % lanes]
        slot = x & (SLOTS - 1)
        symbols[i], f, start = owner[slot]
        x = f * (x >> 12) + slot - start
        if x < LOW:
            if used == len(words):
                raise ArtifactError("its data is cut off.")
            x = x << 16 | words[used]
            used += 1
        states[i % lanes] = x
    return bytes(symbols), states, used


def _table(shares: Shares) -> list[tuple[int, int, int]]:
    return list(zip(range(256), shares.slots, shares.starts, strict=False))
