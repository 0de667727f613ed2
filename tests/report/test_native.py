"""Is a network timed as native code only where that answers rightly?"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnx_ir
import pytest
from compiled_nets import graph

from secateur.measure.latency import Timing
from secateur.report import native
from secateur.report.words import known, reason


@pytest.fixture
def candidate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What is dense and final at once."""
    network, _ = graph("linear")
    onnx_ir.save(network, tmp_path / "model.onnx")
    monkeypatch.setattr(native, "time_calls", lambda calls: dict.fromkeys(calls, Timing(1.0, 1.0, 1.0, 20)))
    return SimpleNamespace(graph=network, file=tmp_path / "model.onnx")


def test_right_answers_are_timed(candidate: Any) -> None:
    found = known(native.info(candidate, candidate))
    assert found is not None
    assert found["relative_diff"] < 1e-6
    assert found["pruned"]["batch"] == 5


def test_wrong_answers_are_not(candidate: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secateur.compiler.check.relative", lambda y, expected: 0.3)
    assert "differ from ONNX Runtime's by 0.3 of the" in reason(native.info(candidate, candidate))
