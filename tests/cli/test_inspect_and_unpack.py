import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import TensorProto, helper, numpy_helper

from secateur.artifact import inspect, pack, write
from secateur.cli.inspect import command as inspect_command
from secateur.cli.unpack import command as unpack_command
from secateur.errors import OutputError

WEIGHT = np.array([[0, 0, 2.5, 0], [0, -1, 0, 0], [0, 0, 0, 0]], np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """y = x + w, in a file."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3, 4]) for name in "xy"]
    add = helper.make_node("Add", ["x", "w"], ["y"])
    graph = helper.make_graph([add], "g", values[:1], values[1:], [numpy_helper.from_array(WEIGHT, "w")])
    packed = pack(helper.make_model(graph))
    write(tmp_path / "a.sct", packed.graph, packed.tensors, {"recipe": {"sparsity": 0.9}})
    return tmp_path / "a.sct"


def run_inspect(*words: str | Path) -> str:
    return CliRunner().invoke(inspect_command, [*map(str, words)], catch_exceptions=False).output


def run_unpack(*words: str | Path) -> Result:
    return CliRunner().invoke(unpack_command, [*map(str, words)])


def test_inspect_prints_a_table(path: Path) -> None:
    table = run_inspect(path)
    for text in ("float32 3x4", "83.33%", "words", inspect(path).sha256, "recipe:\n  sparsity = 0.9\n"):
        assert text in table


def test_inspect_prints_json(path: Path) -> None:
    facts = json.loads(run_inspect(path, "--json"))
    assert (facts["version"], facts["file_bytes"], facts["dense_bytes"]) == (2, path.stat().st_size, 48)
    assert facts["metadata"] == {"recipe": {"sparsity": 0.9}}
    (tensor,) = facts["tensors"]
    assert (tensor["name"], tensor["shape"], tensor["nonzero"], tensor["count"]) == ("w", [3, 4], 2, 12)
    assert tensor["encoding"] == inspect(path).entries[0].encoding


def test_inspect_breaks_no_name_and_folds_what_is_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = "features.block1.layer12.convolution2.weight"
    many = {f"bn{i}.running_{what}": WEIGHT for i in range(4) for what in ("mean", "var")}
    write(tmp_path / "a.sct", b"", {long: WEIGHT, "val_0": WEIGHT, **many}, {})
    monkeypatch.setenv("COLUMNS", "80")
    lines = run_inspect(tmp_path / "a.sct").splitlines()
    rows = [line.split() for line in lines if "%" in line]
    assert [row[0] for row in rows] == [long, "val_0", "8", "all"]
    assert rows[2][1:6] == ["BatchNorm", "statistics", "96", "elements", "83.33%"]
    assert rows[3][1:5] == ["tensors", "120", "elements", "83.33%"]
    assert rows[3][5] == f"{inspect(tmp_path / 'a.sct').tensor_bytes:,}"
    assert any("No room for encoding, dense; --json shows all." in line for line in lines)
    monkeypatch.setenv("COLUMNS", "120")
    assert "No room" not in run_inspect(tmp_path / "a.sct")
    facts = json.loads(run_inspect(tmp_path / "a.sct", "--json"))
    assert len(facts["tensors"]) == 10


def test_inspect_shows_each_stream_beside_its_entropy(tmp_path: Path) -> None:
    """1000 symbols, half of them 1: 125 bytes at best."""
    halves = np.random.default_rng(0).permutation(np.arange(1000) % 2).astype(np.uint8)
    write(tmp_path / "a.sct", b"", {"w": halves}, {})
    table = run_inspect(tmp_path / "a.sct", "--streams")
    (row,) = [line.split() for line in table.splitlines() if line.strip().startswith("w ")]
    assert row[:6] == ["w", "words", "1", "adaptive", "1,000", "129"]
    assert row[6:] == ["125", "3.2%"]
    (facts,) = json.loads(run_inspect(tmp_path / "a.sct", "--streams", "--json"))["streams"]
    assert (facts["codec"], facts["stored"], facts["entropy"]) == ("adaptive", 129, 125.0)


def test_inspect_keeps_a_file_from_steering_the_terminal(tmp_path: Path) -> None:
    write(tmp_path / "a.sct", b"", {"[red]\x1b[2J": WEIGHT}, {"\x1b]0;title": 1})
    table = run_inspect(tmp_path / "a.sct")
    assert "\x1b" not in table
    assert "[red]" in table


def test_unpack_writes_a_file_that_onnx_opens_and_replaces_none(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.onnx"
    done = run_unpack(path, "--onnx", out)
    assert f"{out.stat().st_size:,} bytes" in done.output
    np.testing.assert_array_equal(numpy_helper.to_array(onnx.load(out).graph.initializer[0]), WEIGHT)
    assert isinstance(run_unpack(path, "--onnx", out).exception, OutputError)
    assert run_unpack(path, "--onnx", out, "--overwrite").exit_code == 0
    assert isinstance(run_unpack(path, "--onnx", tmp_path / "b.sct").exception, OutputError)
    assert not (tmp_path / "b.sct").exists()
