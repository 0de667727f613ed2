"""What cannot be written is said, with the operator and the node, and nothing is left behind."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir
import pytest
from emitted import parsed

from secateur.emit import check as checking
from secateur.emit import emit_python
from secateur.emit.source import write_source
from secateur.errors import ArtifactError, ExportError, OutputError
from secateur.graph.coarse import rounding

WRITER = "secateur.emit.emit.write_source"
PLAIN = "cannot be written as plain PyTorch:"
REFUSED: dict[str, tuple[str, str]] = {
    "an operator of another kind": (
        "y, s = TopK (x, one)",
        f"The operator TopK (node 'mine0', which computes 'y') {PLAIN} it is not among",
    ),
    "quantised": (
        "a = QuantizeLinear (x, val_0) y = DequantizeLinear (a, val_0)",
        "The operator QuantizeLinear (node 'mine0', which computes 'a')",
    ),
    "sizes that depend on data": (
        "a = Cast <to = 7> (x) b = ReduceMax <keepdims = 0> (a) c = Mul (b, zero) d = Add (c, one) "
        "y = Unsqueeze (x, d)",
        f"The operator Unsqueeze (node 'mine4', which computes 'y') {PLAIN} its input 1 is",
    ),
    "pooling whose places are read": (
        "a, b = MaxPool <kernel_shape = [2, 2]> (x) c = Cast <to = 1> (b) y = Add (a, c)",
        "something reads the places of the largest elements",
    ),
    "a GRU that PyTorch does not have": (
        "a = ReduceMean <keepdims = 0> (x, one) y = GRU <hidden_size = 1> (a, val_1, val_2)",
        f"The operator GRU (node 'mine1', which computes 'y') {PLAIN} PyTorch's module of",
    ),
    "nearest pixels by another rounding": (
        'y = Resize <nearest_mode = "ceil"> (x, , val_3)',
        "PyTorch has no interpolation for mode nearest with half_pixel and ceil",
    ),
    "more channels": (
        'y = Resize <coordinate_transformation_mode = "asymmetric", nearest_mode = "floor"> (x, , val_4)',
        "it resizes the batch or the channels",
    ),
    "sizes from data": (
        "a = Cast <to = 7> (x) b = ReduceMax <keepdims = 0> (a) c = Mul (b, zero) d = Add (c, val_5) "
        'y = Resize <mode = "linear"> (x, , , d)',
        "its input 3 is computed from data",
    ),
    "the last of equals": (
        "y = ArgMax <select_last_index = 1> (x)",
        "PyTorch takes the first of equal elements",
    ),
    "a sum from the end": ("y = CumSum <reverse = 1> (x, one)", "PyTorch only adds up from the start"),
    "uneven padding that does not count": (
        "y = AveragePool <kernel_shape = [2, 2], pads = [1, 0, 0, 0]> (x)",
        "a padding that differs before and after",
    ),
    "flattened on both sides": ("y = Flatten <axis = 2> (x)", "it flattens at axis 2"),
    "backwards along a part": (
        "y = Slice (x, val_6, val_7, one, val_7)",
        "it goes backwards along a part of an axis",
    ),
    "channels in another order": ("y = DepthToSpace <blocksize = 2> (x)", "mode DCR"),
}
TENSORS: dict[str, Any] = {
    "val_0": np.float32(0.1),
    "val_1": np.ones((1, 3, 6), np.float32),
    "val_2": np.ones((1, 3, 1), np.float32),
    "val_4": np.array([1, 2, 2, 2], np.float32),
    "val_5": np.array([2, 4, 12, 12]),
    "val_6": np.array([2]),
    "val_7": np.array([-1]),
    "val_3": np.array([1, 1, 2, 2], np.float32),
}


def emit(model: onnx.ModelProto, folder: Path) -> None:
    for index, node in enumerate(model.graph.node):
        node.name = f"mine{index}"
    onnx.save(model, folder / "a.onnx")
    emit_python(folder / "a.onnx", folder / "out")


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_plain_is_named(name: str, tmp_path: Path) -> None:
    nodes, wanted = REFUSED[name]
    with pytest.raises(ExportError) as caught:
        emit(parsed(nodes, TENSORS, inputs="float[2,4,6,6] x"), tmp_path)
    assert wanted in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_branch_is_refused(tmp_path: Path) -> None:
    nodes = """
    a = ReduceMax <keepdims = 0> (x) b = Greater (a, val_0)
    y = If (b) <then_branch = g1 () => (float[N,4,6,6] p) { p = Identity (x) },
                else_branch = g2 () => (float[N,4,6,6] q) { q = Neg (x) }>
    """
    with pytest.raises(ExportError, match=r"The operator If \(node 'mine2', .*branches or loops"):
        emit(parsed(nodes, TENSORS), tmp_path)


def test_a_module_that_answers_something_else_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*graph: Any) -> tuple[str, dict[str, Any]]:
        source, state = write_source(*graph)
        return source.replace("F.relu(x)", "x"), state

    monkeypatch.setattr(WRITER, wrong)
    with pytest.raises(
        ExportError, match="outputs that differ by .* of the largest; at most 0.0001 is rounding"
    ):
        emit(parsed("y = Relu (x)"), tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_module_that_does_not_run_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WRITER, lambda *graph: ("load = lambda: lambda x: x.nothing", {}))
    with pytest.raises(ExportError, match="does not run: AttributeError"):
        emit(parsed("y = Relu (x)"), tmp_path)
    monkeypatch.setattr(WRITER, lambda *graph: ("load = 1 / 0", {}))
    with pytest.raises(ExportError, match="cannot be loaded: ZeroDivisionError"):
        emit(parsed("y = Relu (x)"), tmp_path)


def test_outputs_that_cannot_be_compared(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="infinite or not numbers"):
        emit(parsed("y = Div (x, val_0)", {"val_0": np.float32(0)}), tmp_path)


def test_equal_infinities_do_not_differ() -> None:
    one, other = [np.array([1.0, np.inf])], [np.array([1.0, -np.inf])]
    assert checking._difference(one, one, checking.TOLERANCE) == 0
    with pytest.raises(ExportError, match="other infinite outputs"):
        checking._difference(one, other, checking.TOLERANCE)
    with pytest.raises(ExportError, match=r"outputs \[\(\(2,\), 'float64'\)\] where the file has \[\(\(1,\)"):
        checking._difference([np.zeros(1)], one, checking.TOLERANCE)


@pytest.mark.parametrize("name", ["model.py", "model.safetensors"])
def test_nothing_is_replaced_unasked(name: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        emit(parsed("y = Relu (x)"), tmp_path)
    assert (tmp_path / "out" / name).read_text() == "mine"
    emit_python(tmp_path / "a.onnx", tmp_path / "out", overwrite=True)
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match="cannot be made"):
        emit(parsed("y = Relu (x)"), tmp_path)


@pytest.mark.parametrize("name", ["a.pt", "missing.onnx", "missing.sct", "broken.onnx", "broken.sct"])
def test_files_that_are_no_networks(name: str, tmp_path: Path) -> None:
    if name.startswith("broken"):
        (tmp_path / name).write_bytes(b"no network")
    with pytest.raises(ArtifactError, match=name):
        emit_python(tmp_path / name, tmp_path / "out")


def test_a_file_that_no_runtime_opens(tmp_path: Path) -> None:
    model = parsed("y = Relu (x)")
    model.graph.node[0].op_type = "Nonsense"
    with pytest.raises(ArtifactError, match="Nonsense"):
        emit(model, tmp_path)


def test_rounding_is_larger_where_weights_have_16_bits() -> None:
    for dtype, least in ((np.float32, 1e-4), (np.float16, 8 / 1024)):
        model = parsed("y = Neg (x)", {"weight": np.ones(2, dtype)})
        assert rounding(onnx_ir.from_proto(model), checking.TOLERANCE) == pytest.approx(least)
