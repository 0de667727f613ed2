"""Files of format version 1, as secateur 0.1 wrote them, stay readable."""

from pathlib import Path

import ml_dtypes
import numpy as np

from secateur.artifact import inspect, load, read
from secateur.artifact.dtypes import Array

GOLDEN = Path(__file__).parents[1] / "golden" / "version1.sct"
METADATA = {"recipe": {"sparsity": 0.9}, "by": "tést"}


def tensors() -> dict[str, Array]:
    """What the file was written from: whole numbers made of powers of two, equal on any machine."""
    i = np.arange(600)
    scattered = np.where(i * 37 % 101 < 10, (i * 59 % 64 - 31.5) / 64, 0)
    return {
        "sparse": scattered.reshape(30, 20).astype(np.float32),
        "blocks": np.kron(np.eye(20), np.ones((1, 8))).astype(ml_dtypes.bfloat16),
        "dense": ((i[:50] * 7 % 16 - 7.5) / 8).reshape(2, 5, 5).astype(np.float16),
        "nan and minus zero": np.array([0x7FC0BEEF, 0xFFC00001, 0x80000000], "<u4").view("<f4"),
        "labels": np.arange(-3, 4),
        "flags": i[:40] % 3 == 0,
        "float8": (i[:9] / 4).astype(ml_dtypes.float8_e4m3fn),
        "scalar": np.array(-2.5),
        "none": np.zeros((0, 3), np.int8),
    }


def test_a_file_of_version_1_comes_back_bit_for_bit() -> None:
    back = read(GOLDEN)
    assert back.metadata == METADATA
    assert list(back.tensors) == list(tensors())
    for name, array in tensors().items():
        got = back.tensors[name]
        assert (got.dtype, got.shape, got.tobytes()) == (array.dtype, array.shape, array.tobytes())


def test_a_network_of_version_1_runs() -> None:
    x = np.ones((30, 20), np.float32)
    np.testing.assert_array_equal(load(GOLDEN)(x), 1 + tensors()["sparse"])


def test_inspect_reads_version_1() -> None:
    found = inspect(GOLDEN)
    assert (found.version, found.file_bytes) == (1, GOLDEN.stat().st_size)
    assert [entry.nonzero for entry in found.entries] == [60, 160, 50, 3, 6, 14, 8, 1, 0]
