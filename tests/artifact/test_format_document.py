"""The document alone is enough to write a reader."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from secateur.artifact import write
from secateur.artifact.dtypes import Array

DOCUMENT = Path(__file__).parents[2] / "docs" / "format.md"


def test_the_reader_in_the_document_reads_what_we_write(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sparse = rng.standard_normal((50, 40)) * (rng.random((50, 40)) < 0.1)
    tensors: dict[str, Array] = {
        "sparse": sparse.astype(np.float32),
        "structured": np.kron(np.eye(30), np.ones((1, 8))).astype(np.float16),
        "dense": rng.standard_normal(100).astype(np.float64),
        "labels": np.arange(-5, 5, dtype=np.int64),
        "zero": np.array(-0.0, np.float32),
        "none": np.zeros((0, 3), np.int8),
    }
    write(tmp_path / "a.sct", b"graph", tensors, {})
    namespace: dict[str, Any] = {}
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    exec(code, namespace)
    back = namespace["read"](tmp_path / "a.sct")
    assert {name: (a.dtype, a.shape, a.tobytes()) for name, a in back.items()} == {
        name: (a.dtype, a.shape, a.tobytes()) for name, a in tensors.items()
    }
