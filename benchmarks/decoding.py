"""How fast are tensors of a `.sct` file decoded, in C and in Python, by one core?

python -m benchmarks.decoding --write
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from benchmarks.common import Options, Sheet, options, spread, table

from secateur.artifact.c.native import Decoder, build
from secateur.artifact.dtypes import DTYPES, Array, to_words
from secateur.artifact.entries import Stream, TensorEntry, matrix_shape
from secateur.artifact.positions import POSITIONS
from secateur.artifact.streams import compress
from secateur.artifact.tensors import decode_tensor
from secateur.artifact.values import VALUES, Stored

WEIGHTS = 10_000_000
ROWS = 1000
CALLS, PYTHON_CALLS = 21, 3  # the median of so many
FLAGS = ("-O2",)  # the processors that every x86-64 can be; nothing tuned to this one

Case = tuple[TensorEntry, list[bytes]]


def main() -> None:
    with options("decoding", __doc__.splitlines()[0]) as chosen:
        sheet = Sheet(chosen, "How fast tensors are decoded")
        sheet.put("Million weights a second, one core", measured(chosen))
        sheet.put("What this is", words(chosen))
        print(sheet)


def words(options: Options) -> str:
    weights = f"{count(options):,}"
    return (
        f"Tensors of {weights} random weights; sparse: 90 % zeros. The mean over the seeds, and the lowest "
        f"and the highest; of each, the median of {CALLS} calls (Python: {PYTHON_CALLS}). Processor time, so "
        f"that other work on the machine is not counted; the output's memory is there before. Bytes are "
        f"those of the streams. C: `cc -std=c99 {' '.join(FLAGS)}`."
    )


def count(options: Options) -> int:
    return WEIGHTS // 100 if options.quick else WEIGHTS


def measured(options: Options) -> str:
    rows: dict[str, list[tuple[float, float, int]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        decoder = Decoder(build(Path(folder), flags=FLAGS))
        for seed in options.seeds:
            for name, case in cases(np.random.default_rng(seed), count(options)).items():
                rows.setdefault(name, []).append(speeds(decoder, case))
                print(f"{name}, seed {seed}: {rows[name][-1][0]:.0f} in C", flush=True)
    header = ["", "C", "Python", "bytes"]
    return table(header, [[name, *columns(values)] for name, values in rows.items()])


def columns(values: list[tuple[float, float, int]]) -> list[str]:
    native, python, sizes = zip(*values, strict=True)
    return [spread(native, 0), spread(python, 1), f"{statistics.mean(sizes):,.0f}"]


def speeds(decoder: Decoder, case: Case) -> tuple[float, float, int]:
    """Million weights a second in C and in Python, and the stored bytes."""
    entry, stored = case
    out = np.zeros(entry.shape, DTYPES[entry.dtype])
    in_c = seconds(lambda: decoder.decode_into(out, entry, stored), CALLS)
    in_python = seconds(lambda: decode_tensor(entry, stored), PYTHON_CALLS)
    assert decode_tensor(entry, stored).tobytes() == out.tobytes()
    return entry.count / in_c / 1e6, entry.count / in_python / 1e6, entry.stored_bytes


def seconds(call: Callable[[], object], calls: int) -> float:
    taken = []
    for _ in range(calls):
        start = time.thread_time()
        call()
        taken.append(time.thread_time() - start)
    return statistics.median(taken)


def cases(rng: np.random.Generator, weights: int) -> dict[str, Case]:
    shared = np.sort(rng.standard_normal(16)).astype(np.float32)
    nearer = np.exp(-np.square(np.linspace(-2, 2, 16)))
    numbers = rng.choice(16, (ROWS, weights // ROWS), p=nearer / nearer.sum())
    dense = shared[numbers]
    sparse = np.where(rng.random(dense.shape) < 0.1, dense, np.float32(0))
    levels = np.clip(np.rint(20 * rng.standard_normal(dense.shape)), -127, 127).astype(np.int8)
    levels[levels == 0] = 1
    noise = rng.standard_normal(dense.shape).astype(np.float32)
    return {
        "sparse, 16 values: gaps": form(sparse, "gaps", "codebook"),
        "sparse, 16 values: mask": form(sparse, "mask", "codebook"),
        "dense int8": form(levels, "all", "planes"),
        "dense, 16 values": form(dense, "all", "codebook"),
        "dense float32": form(noise, "all", "planes"),
    }


def form(array: Array, positions: str, values: str) -> Case:
    """The array in the form that is asked for, whether or not it is the smallest."""
    matrix = to_words(array).reshape(matrix_shape(array.shape))
    selection = next(POSITIONS[positions].find(matrix))
    stored = Stored(selection.take(matrix), array.dtype, selection, None)
    kind = next(VALUES[values].find(stored))
    streams = kind.encode(stored)
    assert streams is not None
    shape, nonzero = selection.shape, int(np.count_nonzero(matrix))
    sizes = [
        *selection.positions.sizes(shape, nonzero),
        *kind.sizes(stored.words.size, array.dtype, shape),
    ]
    pairs = zip([*selection.streams, *streams], sizes, strict=True)
    coded = [("raw", data) if size is None else compress(data) for data, size in pairs]
    entry = TensorEntry(
        name="w",
        dtype=array.dtype.name,
        shape=array.shape,
        positions=selection.positions,
        values=kind,
        nonzero=nonzero,
        streams=tuple(Stream(codec, len(data)) for codec, data in coded),
    )
    return entry, [data for _, data in coded]


if __name__ == "__main__":
    main()
