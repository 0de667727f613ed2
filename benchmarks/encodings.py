"""How small do sparse weights get in a `.sct` file, beside other ways of storing them?

python benchmarks/encodings.py

Gaussian float32 weights, 90 % removed by magnitude, the others moved a little as training under the mask
does. Prints a Markdown table: the bits that a file takes for each weight that stays, and what the
alternatives would take.
"""

import lzma
import zlib

import numpy as np
from numpy.typing import NDArray

from secateur.artifact.dtypes import Words, to_words
from secateur.artifact.encodings import Bitmask, planes
from secateur.artifact.streams import LZMA, compress

SIZES = (1_000, 10_000, 100_000, 500_000)
SPARSITY = 0.9
SCALE = 0.05  # standard deviation of the weights
MOVED = 0.3  # how far training under the mask moves them, in units of the threshold


def main() -> None:
    columns = [measure(size) for size in SIZES]
    print("| bits per weight that stays | " + " | ".join(f"{size:,} weights" for size in SIZES) + " |")
    print("|---" * (len(SIZES) + 1) + "|")
    for name in columns[0]:
        print(f"| {name} | " + " | ".join(f"{column[name]:.2f}" for column in columns) + " |")


def measure(size: int) -> dict[str, float]:
    weights = retrained(size)
    words = to_words(weights)
    kept, unrotated = words[words != 0], weights[weights != 0].view("<u4")
    mask, *rotated = Bitmask().encode(words)
    sizes = {
        "mask: as it is": len(mask),
        "mask: lzma, lc=3 pb=2 (its defaults)": lzma_size(mask, lc=3, pb=2),
        "mask: lzma, lc=0 pb=0": lzma_size(mask, lc=0, pb=0),
        "mask: deflate, default strategy": deflated(mask, zlib.Z_DEFAULT_STRATEGY),
        "mask: deflate, Huffman codes only": deflated(mask, zlib.Z_HUFFMAN_ONLY),
        "**mask: in the file**": stored(mask),
        "mask: entropy": entropy((words != 0).astype("<u4")) / 8,
        "values: as they are": kept.nbytes,
        "values: deflate": deflated(unrotated.tobytes(), zlib.Z_DEFAULT_STRATEGY),
        "values: lzma, lc=3 pb=2": lzma_size(unrotated.tobytes(), lc=3, pb=2),
        "values: byte planes, not rotated": sum(map(stored, planes(unrotated))),
        "**values: in the file (byte planes, rotated)**": sum(map(stored, rotated)),
        "first plane: in the file": stored(rotated[0]),
        "first plane: entropy": entropy(kept >> 24) / 8,
    }
    table = {name: 8 * count / kept.size for name, count in sizes.items()}
    both = stored(mask) + sum(map(stored, rotated))
    return table | {"**dense float32 bytes / bytes in the file**": weights.nbytes / both}


def retrained(size: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    weights = rng.normal(0, SCALE, size)
    threshold = np.quantile(np.abs(weights), SPARSITY)
    moved = weights + rng.normal(0, MOVED * threshold, size)
    return np.where(np.abs(weights) < threshold, 0, moved).astype(np.float32)


def stored(data: bytes) -> int:
    return len(compress(data)[1])


def deflated(data: bytes, strategy: int) -> int:
    encoder = zlib.compressobj(9, wbits=-15, memLevel=9, strategy=strategy)
    return len(encoder.compress(data) + encoder.flush())


def lzma_size(data: bytes, *, lc: int, pb: int) -> int:
    filters = [{**LZMA[0], "preset": 9, "lc": lc, "pb": pb}]
    return len(lzma.compress(data, format=lzma.FORMAT_RAW, filters=filters))


def entropy(symbols: Words) -> float:
    """Bits that an ideal code takes, for symbols that do not depend on each other."""
    counts = np.bincount(symbols)
    counts = counts[counts > 0]
    return float(-(counts * np.log2(counts / symbols.size)).sum())


if __name__ == "__main__":
    main()
