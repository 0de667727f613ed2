"""How small do sparse weights get in a `.sct` file, how near to their entropy, and how fast?

python benchmarks/encodings.py

Prints three Markdown tables. The bits that a file takes for each weight that stays, beside what the
alternatives would take: Gaussian float32 weights, 90 % removed by magnitude, the others moved a little as
training under the mask does. Then each stream beside its entropy, and the seconds of writing and reading,
in one thread.
"""

import lzma
import time
import zlib
from collections.abc import Iterator
from statistics import median

import numpy as np
from numpy.typing import NDArray

from secateur.artifact.container import decode, encode
from secateur.artifact.dtypes import Array, Words, to_words
from secateur.artifact.frequencies import entropy, histogram
from secateur.artifact.positions import POSITIONS, Positions
from secateur.artifact.streams import LZMA, compress
from secateur.artifact.values import VALUES, Stored

SIZES = (1_000, 10_000, 100_000, 500_000)
SPARSITY = 0.9
SCALE = 0.05  # standard deviation of the weights
MOVED = 0.3  # how far training under the mask moves them, in units of the threshold
COLUMNS = 250
SHARED = 16  # values in a codebook
RUNS = 9


def main() -> None:
    print_sizes([measure(size) for size in SIZES])
    print_entropies()
    print_seconds()


def print_sizes(columns: list[dict[str, float]]) -> None:
    print("| bits per weight that stays | " + " | ".join(f"{size:,} weights" for size in SIZES) + " |")
    print("|---" * (len(SIZES) + 1) + "|")
    for name in columns[0]:
        print(f"| {name} | " + " | ".join(f"{column[name]:.2f}" for column in columns) + " |")


def measure(size: int) -> dict[str, float]:
    weights = retrained(size)
    words = to_words(weights)
    kept, unrotated = words[words != 0], weights[weights != 0].view("<u4")
    mask, gaps = streams(POSITIONS["mask"], weights), streams(POSITIONS["gaps"], weights)
    rotated, codebook = planes(kept), written("codebook", to_words(shared(weights)))
    sizes = {
        "positions: mask as it is": len(mask[0]),
        "positions: mask, lzma": lzma_size(mask[0]),
        "positions: mask, deflate (Huffman codes only)": deflated(mask[0], zlib.Z_HUFFMAN_ONLY),
        "**positions: mask, rANS**": stored(mask),
        "**positions: gaps, rANS**": stored(gaps),
        "positions: entropy": entropy(np.bincount(words != 0)),
        "values: as they are": kept.nbytes,
        "values: lzma": lzma_size(unrotated.tobytes()),
        "values: byte planes, not rotated": stored(planes(unrotated)),
        "**values: byte planes, rotated**": stored(rotated),
        f"**values: codebook of {SHARED}**": stored(codebook),
        f"values: codebook of {SHARED}, entropy": entropy(histogram(codebook[1])),
    }
    table = {name: 8 * count / kept.size for name, count in sizes.items()}
    table["**dense float32 bytes / bytes in the file**"] = weights.nbytes / file_bytes(weights)
    table[f"**the same with {SHARED} values**"] = weights.nbytes / file_bytes(shared(weights))
    return table


def print_entropies() -> None:
    print("\n| stream | symbols | codec | entropy, bytes | in the file | above |")
    print("|---|---|---|---|---|---|")
    for name, data in examples():
        codec, coded = compress(data)
        ideal = entropy(histogram(data))
        above = len(coded) / ideal - 1
        print(f"| {name} | {len(data):,} | {codec} | {ideal:,.0f} | {len(coded):,} | {above:.2%} |")


def examples() -> Iterator[tuple[str, bytes]]:
    for size in (10_000, 100_000, 1_000_000, 10_000_000):
        weights = retrained(size)
        yield "gaps, 90 % zeros", streams(POSITIONS["gaps"], weights)[0]
        yield "mask, 90 % zeros", streams(POSITIONS["mask"], weights)[0]
        yield f"codebook of {SHARED}", written("codebook", to_words(shared(weights)))[1]
        yield "first plane", planes(to_words(weights[weights != 0]))[0]
    levels = np.random.default_rng(0).normal(0, 30, 1_000_000)
    yield "levels of int8, no zeros", np.clip(np.rint(levels), -127, 127).astype(np.int8).tobytes()


def print_seconds() -> None:
    print("\n| float32 weights | form | writing, s | reading, s | million weights read per second |")
    print("|---|---|---|---|---|")
    dense = np.random.default_rng(0).normal(0, SCALE, (100_000, COLUMNS)).astype(np.float32)
    large = retrained(25_000_000)
    cases = {"90 % zeros": large, f"90 % zeros, {SHARED} values": shared(large), "dense": dense}
    cases[f"90 % zeros, {SHARED} values "] = shared(retrained(10_000_000))
    for name, weights in cases.items():
        start = time.perf_counter()
        data = encode(b"", {"w": weights}, {})
        writing, reading = time.perf_counter() - start, []
        for _ in range(RUNS):
            start = time.perf_counter()
            container = decode(data)
            reading.append(time.perf_counter() - start)
        row = (f"{weights.size:,}, {name.strip()}", container.entries[0].encoding, f"{writing:.1f}")
        speed = weights.size / median(reading) / 1e6
        print("| " + " | ".join(row) + f" | {median(reading):.2f} | {speed:.0f} |")


def retrained(size: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(0)
    weights = rng.normal(0, SCALE, size)
    threshold = np.quantile(np.abs(weights), SPARSITY)
    moved = weights + rng.normal(0, MOVED * threshold, size)
    return np.where(np.abs(weights) < threshold, 0, moved).astype(np.float32).reshape(-1, COLUMNS)


def shared(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each weight that is not 0 replaced by one of a few, which k-means finds in a sample."""
    kept = weights[weights != 0]
    sample = np.sort(kept[:100_000])
    centres = np.linspace(sample[0], sample[-1], SHARED)
    for _ in range(20):
        edges = np.searchsorted(sample, (centres[1:] + centres[:-1]) / 2)
        centres = np.array([part.mean() if part.size else 0 for part in np.split(sample, edges)])
        centres.sort()
    result = weights.copy()
    nearest = np.searchsorted((centres[1:] + centres[:-1]) / 2, kept)
    result[weights != 0] = centres.astype(np.float32)[nearest]
    return result


def streams(kind: type[Positions], weights: Array) -> list[bytes]:
    return list(next(kind.find(to_words(weights).reshape(weights.shape))).streams)


def written(name: str, words: Words) -> list[bytes]:
    """The words that are not 0."""
    kept = words[words != 0]
    selection = next(POSITIONS["all"].find(kept.reshape(1, -1)))
    result = VALUES[name]().encode(Stored(kept, np.dtype(np.float32), selection, None))
    assert result is not None
    return result


def planes(words: Words) -> list[bytes]:
    return written("planes", words)


def stored(parts: list[bytes]) -> int:
    return sum(len(compress(part)[1]) for part in parts)


def file_bytes(weights: Array) -> int:
    return sum(entry.stored_bytes for entry in decode(encode(b"", {"w": weights}, {})).entries)


def deflated(data: bytes, strategy: int) -> int:
    encoder = zlib.compressobj(9, wbits=-15, memLevel=9, strategy=strategy)
    return len(encoder.compress(data) + encoder.flush())


def lzma_size(data: bytes) -> int:
    filters = [{**LZMA[0], "preset": 9}]
    return len(lzma.compress(data, format=lzma.FORMAT_RAW, filters=filters))


if __name__ == "__main__":
    main()
