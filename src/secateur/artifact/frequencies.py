"""How often does each byte of a stream occur, said in a few bytes?

rANS shares 4096 slots among the symbols, in proportion to their counts. Written down, a share has
four significant bits: off by at most 1/16, it costs under 0.1 % of a stream, and saves half the
table, which is what small streams pay.
"""

from bisect import bisect_right
from dataclasses import dataclass
from math import log2
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from secateur.errors import ArtifactError

Integers: TypeAlias = NDArray[np.int64]

SLOTS = 4096
SHARES = [f for f in range(1, SLOTS) if f % (1 << max(0, f.bit_length() - 4)) == 0]
CHUNK = 1 << 20  # bincount widens its input eightfold


@dataclass(frozen=True)
class Shares:
    """The slots of each symbol 0..last; `top`, the most frequent one, has those that no other has."""

    slots: list[int]
    top: int

    @property
    def starts(self) -> list[int]:
        """The first slot of each symbol."""
        return [0, *np.cumsum(self.slots)[:-1].tolist()]

    @property
    def single(self) -> bool:
        """Whether there is but one symbol, which then costs nothing."""
        return self.slots[self.top] == SLOTS


def histogram(data: bytes) -> Integers:
    """How often each of the 256 bytes occurs."""
    symbols = np.frombuffer(data, np.uint8)
    parts = (np.bincount(symbols[at : at + CHUNK], minlength=256) for at in range(0, len(symbols), CHUNK))
    return sum(parts, np.zeros(256, np.int64))


def entropy(counts: NDArray[Any]) -> float:
    """Bytes that an ideal code takes for symbols with these counts, if their order says nothing."""
    seen = counts[counts > 0]
    return float(seen @ np.log2(seen.sum() / seen)) / 8 if seen.size else 0.0


def share(counts: Integers) -> Shares:
    """Slots in proportion to the counts, which are not all 0.

    What rounding one symbol gives or takes is made up for by the next, the rare ones first, as
    they cannot have less than one slot.
    """
    ideal = counts * (SLOTS / counts.sum())
    slots = [0] * (int(counts.nonzero()[0][-1]) + 1)
    *others, top = (int(symbol) for symbol in np.argsort(counts, kind="stable") if counts[symbol])
    carry = 0.0
    for symbol in others:
        slots[symbol] = _near(float(ideal[symbol]), carry)
        carry += ideal[symbol] - slots[symbol]
    while sum(slots) >= SLOTS:  # so many rare symbols that the top one has no slot left
        largest = slots.index(max(slots))
        slots[largest] = SHARES[SHARES.index(slots[largest]) - 1]
    slots[top] = SLOTS - sum(slots)
    return Shares(slots, top)


def _near(ideal: float, carry: float) -> int:
    """That share next to `ideal`, below or above, which is nearer to `ideal + carry`."""
    above = min(bisect_right(SHARES, ideal), len(SHARES) - 1)
    around = SHARES[max(above - 1, 0)], SHARES[above]
    return min(around, key=lambda slots: abs(slots - ideal - carry))


def bits(shares: Shares, counts: Integers) -> float:
    """What symbols with these counts cost under these shares."""
    return sum(int(n) * (12 - log2(f)) for f, n in zip(shares.slots, counts, strict=False) if n)


def pack(shares: Shares) -> bytes:
    """The last symbol, the top symbol, and the other shares as floating-point numbers of 4 to 7 bits."""
    packed = width = 0
    for symbol, slots in enumerate(shares.slots):
        if symbol == shares.top:
            continue
        exponent = slots.bit_length()
        kept = min(max(exponent - 1, 0), 3)  # bits of the mantissa below its leading one
        mantissa = slots >> max(exponent - 1 - kept, 0) & ((1 << kept) - 1)
        packed |= (exponent | mantissa << 4) << width
        width += 4 + kept
    return bytes([len(shares.slots) - 1, shares.top]) + packed.to_bytes(-(-width // 8), "little")


def unpack(data: bytes) -> tuple[Shares, int]:
    """The inverse of `pack` for the first bytes of `data`, and how many bytes those are."""
    if len(data) < 2 or data[1] > data[0]:
        raise ArtifactError("its table of frequencies is cut off, or its top symbol is none.")
    last, top = data[0], data[1]
    packed = int.from_bytes(data[2 : 2 + 7 * 32], "little")  # 7 bits for each of 256 symbols
    slots, width = [0] * (last + 1), 0
    for symbol in range(last + 1):
        if symbol != top:
            exponent = packed >> width & 15
            kept = min(max(exponent - 1, 0), 3)
            mantissa = packed >> (width + 4) & ((1 << kept) - 1)
            slots[symbol] = (1 << kept | mantissa) << (exponent - 1 - kept) if exponent else 0
            width += 4 + kept
    size = 2 + -(-width // 8)
    slots[top] = SLOTS - sum(slots)
    if slots[top] < 1 or not slots[last] or size > len(data) or packed >> width & ((1 << -width % 8) - 1):
        raise ArtifactError(f"its table of frequencies does not add up to {SLOTS}.")
    return Shares(slots, top), size
