"""Files from anyone: names that would be code, shapes no memory holds, sizes that contradict one another."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from secateur.compiler import compile as compile_
from secateur.compiler import sources_of
from secateur.compiler.check import difference
from secateur.compiler.loops import broadcast
from secateur.compiler.program import Tensor
from secateur.compiler.targets import target_of
from secateur.errors import CompileError
from secateur.network_file.read import as_graph

Constants = dict[str, NDArray[Any]]


def model(
    nodes: Sequence[onnx.NodeProto],
    shape: Sequence[int],
    constants: Constants | None = None,
    opset: int = 18,
    **names: str,
) -> onnx.ModelProto:
    """From an input x to an output y of any shape."""
    graph = helper.make_graph(
        list(nodes),
        names.get("graph", "graph"),
        [helper.make_tensor_value_info(names.get("x", "x"), TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(names.get("y", "y"), TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)


def conv(weight: Sequence[int], bias: Sequence[int] | None = None, **attributes: Any) -> onnx.ModelProto:
    """Of (1, 2, 5, 5)."""
    constants = {"w": np.ones(weight, np.float32)} | (
        {} if bias is None else {"b": np.ones(bias, np.float32)}
    )
    node = helper.make_node("Conv", ["x", *constants], ["y"], name="first", **attributes)
    return model([node], (1, 2, 5, 5), constants)


def placed(
    kind: str,
    shape: Sequence[int],
    constants: Constants,
    outputs: int = 1,
    opset: int = 18,
    **attributes: Any,
) -> onnx.ModelProto:
    """An operator that reads or writes at the places which a constant holds."""
    made = ["y", "z"][:outputs]
    return model([helper.make_node(kind, ["x", *constants], made, **attributes)], shape, constants, opset)


HOSTILE = [
    '*/ int main(void) { system("touch /tmp/hacked"); } /*',
    'a"; system("touch /tmp/hacked"); //',
    "line\nbreak\r#error hacked",
    "back\\slash\\\n",
    "%s%n%99999d",
    "??/\n*/",
    "$(touch /tmp/hacked) `touch /tmp/hacked` ; & | > <",
    "../../../etc/passwd",
    "naïve ☠ 名前 \u202e\u0000",
    "x" * 5000,
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_name_is_never_code(name: str, tmp_path: Path) -> None:
    names = {part: f"{name}{part}" for part in ("x", "y", "w", "t", "node", "graph")}
    nodes = [
        helper.make_node("MatMul", [names["x"], names["w"]], [names["t"]], name=names["node"]),
        helper.make_node("Exp", [names["t"]], [names["y"]], name=names["node"] + "2"),
    ]
    weight = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3)
    graph = as_graph(
        model(nodes, (2, 4), {names["w"]: weight}, x=names["x"], y=names["y"], graph=names["graph"])
    )
    x = np.linspace(0, 1, 8, dtype=np.float32).reshape(2, 4)
    compiled = compile_(graph)
    assert difference(compiled, graph, [x]) < 1e-6
    written = compiled.sources.files
    assert all(name.isascii() for name in written)
    for content in (written["model.c"], written["model.h"], written["weights.c"]):
        text = content.decode("ascii")
        for code in ("system", "#error", "touch /tmp", "%s", 'hacked"', "??/"):
            assert code not in _code(text), code


def _code(text: str) -> str:
    """Without comments, which end where the first */ says."""
    parts = text.split("/*")
    return parts[0] + "".join(part.partition("*/")[2] for part in parts[1:])


def huge(kind: str, size: int) -> onnx.ModelProto:
    """x + a constant of size * size that is computed from small ones, which are nodes."""
    sizes = numpy_helper.from_array(np.array([size, size], np.int64))
    one = numpy_helper.from_array(np.ones((1, 1), np.float32))
    nodes = [
        helper.make_node("Constant", [], ["s"], value=sizes),
        helper.make_node("Constant", [], ["k"], value=one),
    ]
    inputs = ["s"] if kind == "ConstantOfShape" else ["k", "s"]
    nodes += [helper.make_node(kind, inputs, ["c"]), helper.make_node("Add", ["x", "c"], ["y"])]
    return model(nodes, (1, 1))


RELU = helper.make_node("Relu", ["x"], ["y"])
LARGE = {
    "input": model([RELU], (2**25, 2**25)),
    "product over 64 bits": model([RELU], (2**31, 2**31, 2**31)),
    "negative": model([RELU], (-5, 4)),
    "empty": model([RELU], (1, 0)),
    **{kind: huge(kind, 2**25) for kind in ("Expand", "Tile", "ConstantOfShape")},
    "padding": conv((4, 2, 3, 3), pads=[2**20] * 4),
    "strides": conv((4, 2, 3, 3), pads=[2**40] * 4, strides=[2**39] * 2),
}


def test_what_memory_does_not_hold_is_refused_before_it_is_allocated(tmp_path: Path) -> None:
    for name, given in LARGE.items():
        (tmp_path / f"{name}.onnx").write_bytes(given.SerializeToString())
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from secateur.compiler import sources_of\nfrom secateur.compiler.targets import target_of\n"
        "from secateur.errors import CompileError\nfrom secateur.network_file.read import read_graph\n"
        "resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30,) * 2)\n"
        "for path in map(Path, sys.argv[1:]):\n"
        "    try: sources_of(read_graph(path), target_of('native'), {})\n"
        "    except CompileError as error: print(path.stem, error)"
    )
    command = [sys.executable, "-c", code, *map(str, sorted(tmp_path.iterdir()))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    refused = {line.split(" '")[0] for line in done.stdout.splitlines() if "Expected" in line}
    assert len(refused) == len(LARGE), done.stdout


CONTRADICTIONS = {
    "a bias that is too short": (conv((4, 2, 3, 3), bias=(2,)), "input 2 of shape [2]"),
    "other channels": (conv((4, 3, 3, 3)), "input 1 of shape [4, 3, 3, 3]"),
    "no group": (conv((4, 2, 3, 3), group=0), "0 groups of 4 channels"),
    "a stride of 0": (conv((4, 2, 3, 3), strides=[0, 0]), "strides must only contain positive values"),
    "another kernel": (conv((4, 2, 3, 3), kernel_shape=[5, 5]), "ask for [4, 2, 5, 5]"),
    "code in an attribute": (conv((4, 2, 3, 3), activation='relu);system("x"'), "Unrecognized attribute"),
    "more elements than there are": (
        model([helper.make_node("Reshape", ["x", "s"], ["y"])], (1, 4), {"s": np.array([1, 400])}),
        "of shape [1, 4]",
    ),
    "updates that are too few": (
        placed("ScatterND", (3, 4), {"i": np.zeros((5, 1), np.int64), "u": np.ones((1, 4), np.float32)}),
        "ask for [5, 4]",
    ),
    "more indices than axes": (
        placed("ScatterND", (3,), {"i": np.zeros((5, 9), np.int64), "u": np.ones(5, np.float32)}),
        "ask for [5, 1]",
    ),
    "indices beside what they point into": (
        placed("GatherElements", (3, 4), {"i": np.zeros((2, 900), np.int64)}),
        "ask for [2, 4]",
    ),
    "elements beside what they are written to": (
        placed(
            "ScatterElements", (3, 4), {"i": np.zeros((2, 9), np.int64), "u": np.ones((2, 9), np.float32)}
        ),
        "ask for [2, 4]",
    ),
    "more batches of indices": (
        placed("GatherND", (2, 4), {"i": np.zeros((9, 1), np.int64)}, batch_dims=1),
        "ask for [2, 1]",
    ),
    "slopes of half of the channels": (
        placed("PRelu", (1, 4, 3, 3), {"slope": np.ones((2, 1, 1), np.float32)}),
        "input 1 of shape [2, 1, 1]",
    ),
    "two lower bounds": (
        placed("Clip", (1, 4, 3, 3), {"min": np.zeros(2, np.float32)}),
        "input 1 of shape [2]",
    ),
    "a norm of two channels": (
        placed(
            "BatchNormalization",
            (1, 64, 3, 3),
            {name: np.ones(2, np.float32) for name in ("scale", "bias", "mean", "variance")},
            opset=9,
        ),
        "ask for [64]",
    ),
    "an axis of older versions": (
        placed("Add", (3, 3), {"b": np.ones(3, np.float32)}, opset=6, axis=0, broadcast=1),
        "broadcasts along an axis",
    ),
    "one value for two": (
        placed("OneHot", (3,), {"d": np.array(4), "v": np.ones(1, np.float32)}),
        "exactly two elements",
    ),
    "more of the largest than there are": (
        placed("TopK", (3,), {"k": np.array([4])}, outputs=2),
        "less than the requested k",
    ),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_contradiction_is_one_clear_error(name: str) -> None:
    given, message = CONTRADICTIONS[name]
    with pytest.raises(CompileError) as error:
        sources_of(as_graph(given), target_of("native"), {})
    assert message in str(error.value)
    assert any(way_out in str(error.value) for way_out in ("Expected", "ask for", "docs/operators.md"))


@pytest.mark.parametrize("shape", [(2,), (4, 1), (3, 1, 4), (1, 3, 4)])
def test_a_walk_that_would_leave_its_tensor_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(CompileError, match=r"'w' has the shape .* broadcasts to \[3, 4\]"):
        broadcast(Tensor("w", shape, np.dtype("float32")), (3, 4))


TEXTS = {
    "AveragePool auto_pad": placed("AveragePool", (1, 1, 4, 4), {}, kernel_shape=[2, 2]),
    "ConvTranspose auto_pad": placed("ConvTranspose", (1, 2, 5, 5), {"w": np.ones((2, 3, 2, 2), np.float32)}),
    "DepthToSpace mode": placed("DepthToSpace", (1, 4, 3, 3), {}, blocksize=2),
    "Gelu approximate": placed("Gelu", (3,), {}, opset=20),
    "GridSample mode": placed("GridSample", (1, 1, 3, 3), {"g": np.ones((1, 2, 2, 2), np.float32)}, opset=20),
    "GridSample padding_mode": placed("GridSample", (1, 1, 3, 3), {"g": np.ones((1, 2, 2, 2), np.float32)}),
    "Pad mode": placed("Pad", (3,), {"p": np.ones(2, np.int64)}),
    **{
        f"Resize {name}": placed(
            "Resize", (2, 4), {"": np.zeros(0, np.float32), "scales": np.array([1, 2], np.float32)}
        )
        for name in ("mode", "nearest_mode", "coordinate_transformation_mode")
    },
    "ScatterElements reduction": placed(
        "ScatterElements", (3,), {"i": np.zeros(2, np.int64), "u": np.ones(2, np.float32)}
    ),
}


@pytest.mark.parametrize("name", TEXTS)
def test_an_attribute_is_never_code(name: str) -> None:
    attribute = name.split()[1]
    given = TEXTS[name]
    (node,) = given.graph.node
    assert sources_of(as_graph(given), target_of("native"), {}).files
    node.attribute.append(helper.make_attribute(attribute, 'zeros); system("touch hacked"); ('))
    with pytest.raises(CompileError, match=rf"has the {attribute} 'zeros\); system"):
        sources_of(as_graph(given), target_of("native"), {})


def test_a_declared_output_shape_is_not_believed() -> None:
    given = model([RELU], (1, 4))
    given.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 1_000_000)))
    sources = sources_of(as_graph(given), target_of("native"), {})
    assert sources.outputs[0].shape == (1, 4)


def test_what_is_not_compiled_is_named() -> None:
    given = model([helper.make_node("Hardmax", ["x"], ["y"])], (1, 4))
    with pytest.raises(CompileError, match=r"The operator Hardmax \(node 'Hardmax_0'\)"):
        sources_of(as_graph(given), target_of("native"), {})
    double = model([RELU], (1, 4))
    double.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE
    double.graph.output[0].type.tensor_type.elem_type = TensorProto.DOUBLE
    with pytest.raises(CompileError, match="'x' has elements of type float64"):
        sources_of(as_graph(double), target_of("native"), {})
    computed = model(
        [helper.make_node("NonZero", ["x"], ["i"]), helper.make_node("Cast", ["i"], ["y"], to=1)], (1, 4)
    )
    with pytest.raises(CompileError, match="until the network runs"):
        sources_of(as_graph(computed), target_of("native"), {})


def test_operators_of_a_runtime_are_named_as_such() -> None:
    foreign = helper.make_node("Relu", ["x"], ["y"], name="first", domain="com.microsoft")
    network = model([foreign], (1, 2))
    network.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    with pytest.raises(
        CompileError, match=r"Relu \(node 'first'\) is of 'com.microsoft', not of ONNX itself"
    ):
        compile_(as_graph(network))


def test_functions_of_the_file_are_written_out() -> None:
    network = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 18, "own" : 1]> g (float[3] x) => (float[3] y) {
        y = own.Twice(x) }
        <domain: "own", opset_import: ["" : 18]> Twice (a) => (b) { r = Relu(a) b = Add(r, r) }"""
    )
    answer = compile_(as_graph(network))(np.array([-1, 2, 3], np.float32))
    np.testing.assert_array_equal(answer, [0, 4, 6])


def test_a_shape_that_only_folding_tells_is_no_contradiction() -> None:
    """Its sizes are computed from constants in ways that shape inference does not follow."""
    network = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 18]> g (float[2,6] x) => (float[3,4] y)
        <float[2] table = {9, 4}, int64 second = {1}> {
        taken = Gather(table, second)
        half = Sqrt(taken)
        size = Cast<to = 7>(half)
        sizes = Mul(size, two)
        one = Constant<value_ints = [1]>()
        columns = Reshape(sizes, one)
        rest = Constant<value_ints = [-1]>()
        shape = Concat<axis = 0>(rest, columns)
        y = Reshape(x, shape) }""".replace("int64 second = {1}", "int64 second = {1}, int64 two = {2}")
    )
    answer = compile_(as_graph(network))(np.arange(12, dtype=np.float32).reshape(2, 6))
    np.testing.assert_array_equal(answer, np.arange(12).reshape(3, 4))
