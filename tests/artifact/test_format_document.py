"""The document alone is enough to write a reader."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from sct_forms import CODERS, file_of, forms

from secateur.artifact import write
from secateur.artifact.dtypes import DTYPES, Array

DOCUMENT = Path(__file__).parents[2] / "docs" / "format.md"
Reader = Callable[[Path], dict[str, Array]]


@pytest.fixture(scope="module")
def reader() -> Reader:
    """What the document's code makes."""
    namespace: dict[str, Any] = {}
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    exec(code, namespace)
    read: Reader = namespace["read"]
    return read


def check(back: dict[str, Array], tensors: dict[str, Array]) -> None:
    assert {name: (a.dtype, a.shape, a.tobytes()) for name, a in back.items()} == {
        name: (a.dtype, a.shape, a.tobytes()) for name, a in tensors.items()
    }


def test_it_reads_what_we_write(reader: Reader, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sparse = rng.standard_normal((50, 40)) * (rng.random((50, 40)) < 0.1) + 0
    tensors: dict[str, Array] = {
        "sparse": sparse.astype(np.float32),
        "structured": np.kron(np.eye(30), np.ones((1, 8))).astype(np.float16),
        "dense": rng.standard_normal(100),
        "long": rng.integers(0, 256, (2, 5000), np.uint8),
        "labels": np.arange(-5, 5, dtype=np.int64),
        "zero": np.array(-0.0, np.float32),
        "none": np.zeros((0, 3), np.int8),
    }
    write(tmp_path / "a.sct", b"graph", tensors, {})
    check(reader(tmp_path / "a.sct"), tensors)


@pytest.mark.parametrize("codec", CODERS)
def test_it_reads_every_form_in_every_codec(codec: str, reader: Reader, tmp_path: Path) -> None:
    i = np.arange(32 * 48)
    levels = np.where(i * i % 61 < 12, i % 7 - 3, 0).reshape(32, 48)
    levels[:, :8] = 0
    scales = np.linspace(0.25, 1, 32).astype(ml_dtypes.bfloat16).astype(np.float32)
    grid = (levels * scales[:, None]).astype(np.float32)
    grid[levels == 0] = 0
    halves = np.where(i < i.size // 2, i % 5, i % 3 + 9).reshape(32, 48)
    arrays: list[Array] = [
        grid,
        halves.astype(np.int16),
        *(levels[:4, :16].astype(dtype) for dtype in DTYPES.values()),
    ]
    every = [(a, form) for a in arrays for form in forms(a, codec, scales[: len(a)])]
    found = {f"{n}: {form[0].dtype}, {form[0].encoding}": (a, form) for n, (a, form) in enumerate(every)}
    texts = " ".join(found)
    for text in ("gaps", "blocks 16x1", "blocks 1x8", "2 codebooks of 5", "bfloat16 planes", "grid", "int4"):
        assert text in texts
    data = file_of([(name, form) for name, (_, form) in found.items()], {})
    (tmp_path / "a.sct").write_bytes(data)
    check(reader(tmp_path / "a.sct"), {name: array for name, (array, _) in found.items()})
