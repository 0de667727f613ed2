import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from secateur.artifact import Network, load, onnx_bytes, pack, unpack, write
from secateur.artifact.dtypes import Array
from secateur.errors import ArtifactError, OutputError

WEIGHT = np.zeros((4, 3), np.float32)
WEIGHT[1, 2], WEIGHT[3, 0] = 2.5, -1

WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # importing it fails
import numpy as np
from secateur.artifact import load
network = load(sys.argv[1])
print(network(np.arange(8, dtype=np.float32).reshape(2, 4), np.array(10)).tolist())
"""

LIGHT = """
import sys
import secateur.artifact
print([name for name in ("torch", "onnx", "onnx_ir", "onnxruntime") if name in sys.modules])
"""


def graph_model(nodes: list[onnx.NodeProto], outputs: list[str]) -> onnx.ModelProto:
    """A model of x (batch, 4) and a whole number `shift`, with the weight w."""
    graph = helper.make_graph(
        nodes,
        "g",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 4]),
            helper.make_tensor_value_info("shift", TensorProto.INT64, []),
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(WEIGHT, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def shifted() -> list[onnx.NodeProto]:
    """y = x @ w + shift."""
    return [
        helper.make_node("MatMul", ["x", "w"], ["product"]),
        helper.make_node("Cast", ["shift"], ["amount"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["product", "amount"], ["y"]),
    ]


def saved(path: Path, model: onnx.ModelProto) -> Path:
    packed = pack(model)
    write(path, packed.graph, packed.tensors, {"recipe": {"sparsity": 0.9}})
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return saved(tmp_path / "a.sct", graph_model(shifted(), ["y"]))


@pytest.fixture
def network(path: Path) -> Network:
    return load(path)


X = np.arange(8, dtype=np.float32).reshape(2, 4)
SHIFT = np.array(10)
ANSWER = [[7, 10, 12.5], [3, 10, 22.5]]


def test_runs_on_numpy_arrays(network: Network) -> None:
    assert str(network.inputs[0]) == "x: float32 (batch, 4)"
    assert [(value.name, value.dtype, value.shape) for value in network.inputs] == [
        ("x", "float32", ("batch", 4)),
        ("shift", "int64", ()),
    ]
    assert [value.name for value in network.outputs] == ["y"]
    assert network.metadata == {"recipe": {"sparsity": 0.9}}
    answer = network(X, SHIFT)
    assert isinstance(answer, np.ndarray)
    assert answer.tolist() == ANSWER
    assert network.run({"shift": SHIFT, "x": X[::-1]})["y"].tolist() == ANSWER[::-1]


def test_runs_in_a_fresh_process_without_torch(path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", WITHOUT_TORCH, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ANSWER
    assert not done.stderr


def test_importing_the_package_is_light() -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_several_outputs_come_as_a_tuple(tmp_path: Path) -> None:
    network = load(saved(tmp_path / "a.sct", graph_model(shifted(), ["y", "product"])), threads=2)
    y, product = network(X, SHIFT)
    assert (y - product).tolist() == [[10] * 3] * 2
    assert list(network.run({"x": X, "shift": SHIFT})) == ["y", "product"]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([X], r"got 1 inputs\. Expected 2: x: float32 \(batch, 4\); shift: int64 \(\)"),
        ([X.astype(np.float64), SHIFT], r"'x' has dtype float64\. .*x\.astype\('float32'\)"),
        ([X.astype(">f4"), SHIFT], r"'x' has dtype >f4\. .*x\.astype\('float32'\)"),
        ([X[:, :3], SHIFT], r"'x' has shape \(2, 3\)\. Expected x: float32 \(batch, 4\); a size that is a"),
        ([X[0], SHIFT], r"'x' has shape \(4,\)"),
        ([X, 10], r"'shift' is of type int\. Expected a NumPy array .* numpy\.asarray\(x, dtype='int64'\)"),
    ],
)
def test_wrong_inputs_are_named_with_what_was_expected(
    inputs: list[Any], message: str, network: Network
) -> None:
    with pytest.raises(ArtifactError, match=message):
        network(*inputs)


def test_wrong_names_of_inputs_are_corrected(network: Network) -> None:
    with pytest.raises(ArtifactError, match=r"no input 'shft', .* Did you mean 'shift'\?"):
        network.run({"x": X, "shft": SHIFT})
    with pytest.raises(ArtifactError, match="The input 'shift' is missing"):
        network.run({"x": X})


def test_inputs_that_the_graph_cannot_take_are_an_error(tmp_path: Path) -> None:
    reshape = [
        helper.make_node("Constant", [], ["shape"], value_ints=[3, 4]),
        helper.make_node("Reshape", ["x", "shape"], ["x3"]),
        helper.make_node("MatMul", ["x3", "w"], ["y"]),
    ]
    network = load(saved(tmp_path / "a.sct", graph_model(reshape, ["y"])))
    with pytest.raises(ArtifactError, match="ONNX Runtime could not run"):
        network(X, SHIFT)


def test_unpacks_to_a_plain_onnx_file(path: Path, tmp_path: Path) -> None:
    unpack(path, tmp_path / "a.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "a.onnx"), providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": X, "shift": SHIFT})[0].tolist() == ANSWER
    assert (tmp_path / "a.onnx").read_bytes() == onnx_bytes(path)
    with pytest.raises(OutputError, match="exists already"):
        unpack(path, tmp_path / "a.onnx")
    unpack(path, tmp_path / "a.onnx", overwrite=True)


def crafted(path: Path, model: onnx.ModelProto, tensors: dict[str, Array] | None = None) -> Path:
    """A well-formed file around any graph."""
    write(path, model.SerializeToString(), tensors or {}, {})
    return path


def test_a_graph_that_reaches_for_other_files_is_refused(tmp_path: Path) -> None:
    """As an initializer, in a node's attribute, and in a subgraph."""
    (tmp_path / "secret").write_bytes(WEIGHT.tobytes())
    outside = helper.make_tensor("w", TensorProto.FLOAT, [4, 3], WEIGHT.tobytes(), raw=True)
    outside.ClearField("raw_data")
    outside.data_location = TensorProto.EXTERNAL
    outside.external_data.add(key="location", value="secret")

    initializer = graph_model(shifted(), ["y"])
    initializer.graph.initializer[0].CopyFrom(outside)
    constant = helper.make_node("Constant", [], ["c"])
    constant.attribute.append(helper.make_attribute("value", outside))
    inner = helper.make_graph([constant], "inner", [], [])
    attribute = graph_model([*shifted(), constant], ["y"])
    subgraph = graph_model([*shifted(), helper.make_node("If", ["b"], ["z"], then_branch=inner)], ["y"])
    for model in (initializer, attribute, subgraph):
        path = crafted(tmp_path / "a.sct", model)
        for function in (load, onnx_bytes):
            with pytest.raises(ArtifactError, match=r"a\.sct: the ONNX tensor 'w' lives in another file"):
                function(path)


def test_a_graph_that_is_no_graph_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "a.sct", b"\xff" * 50, {}, {})
    with pytest.raises(ArtifactError, match=r"a\.sct: its graph is not an ONNX model"):
        load(tmp_path / "a.sct")
    nonsense = graph_model([helper.make_node("Nonsense", ["x"], ["y"])], ["y"])
    with pytest.raises(ArtifactError, match=r"a\.sct: ONNX Runtime refuses its graph"):
        load(crafted(tmp_path / "a.sct", nonsense))
    with pytest.raises(ArtifactError, match="its graph has a tensor 'w' of its own"):
        load(crafted(tmp_path / "a.sct", graph_model(shifted(), ["y"]), {"w": WEIGHT}))
    assert capfd.readouterr() == ("", "")


def test_a_missing_tensor_is_an_error(path: Path, tmp_path: Path) -> None:
    packed = pack(graph_model(shifted(), ["y"]))
    write(tmp_path / "b.sct", packed.graph, {}, {})
    with pytest.raises(ArtifactError, match="ONNX Runtime refuses its graph"):
        load(tmp_path / "b.sct")
