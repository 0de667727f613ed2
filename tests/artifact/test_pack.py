import warnings

import numpy as np
import onnx
import onnx_ir
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from secateur.artifact import onnx_bytes, pack
from secateur.artifact.container import decode, encode
from secateur.artifact.dtypes import Array
from secateur.artifact.names import shorten_names_
from secateur.errors import ArtifactError


def linear(weight: Array) -> onnx.ModelProto:
    """y = x @ weight, with the ballast of an exporter."""
    rows, columns = weight.shape
    node = helper.make_node("MatMul", ["x", "w"], ["product"], name="product", doc_string="a trace")
    node.metadata_props.add(key="pkg.torch.onnx.stack_trace", value='File "net.py", line 3')
    last = helper.make_node("Identity", ["product"], ["y"], name="last")
    graph = helper.make_graph(
        [node, last],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", rows])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", columns])],
        [numpy_helper.from_array(weight, "w")],
        doc_string="about the graph",
        value_info=[helper.make_tensor_value_info("product", TensorProto.FLOAT, ["batch", columns])],
    )
    model = helper.make_model(graph, doc_string="about the model", ir_version=10)
    model.metadata_props.add(key="author", value="someone")
    return model


WEIGHT = np.array([[1, 0, 2], [0, 0, -3]], np.float32)


def test_a_model_is_split_into_a_bare_graph_and_its_tensors() -> None:
    packed = pack(linear(WEIGHT))
    assert list(packed.tensors) == ["w"]
    np.testing.assert_array_equal(packed.tensors["w"], WEIGHT)
    assert packed.subnormals == 0
    graph = onnx.load_model_from_string(packed.graph).graph
    assert [node.op_type for node in graph.node] == ["MatMul", "Identity"]
    assert [value.name for value in (*graph.input, *graph.output)] == ["x", "y"]
    for ballast in (b"trace", b"net.py", b"about the", b"someone"):
        assert ballast not in packed.graph
    assert not graph.initializer
    assert not graph.value_info


def test_the_callers_model_is_not_touched() -> None:
    model = linear(WEIGHT)
    before = model.SerializeToString(deterministic=True)
    ir = onnx_ir.from_proto(model)
    pack(model)
    pack(ir)
    assert model.SerializeToString(deterministic=True) == before
    assert list(ir.graph.initializers) == ["w"]
    assert ir.graph.doc_string == "about the graph"


def test_both_kinds_of_model_give_the_same() -> None:
    model = linear(WEIGHT)
    from_proto, from_ir = pack(model), pack(onnx_ir.from_proto(model))
    nodes = [onnx.load_model_from_string(packed.graph).graph.node for packed in (from_proto, from_ir)]
    assert [(n.op_type, n.input, n.output) for n in nodes[0]] == [
        (n.op_type, n.input, n.output) for n in nodes[1]
    ]
    np.testing.assert_array_equal(from_proto.tensors["w"], from_ir.tensors["w"])


def test_names_that_nobody_needs_are_short() -> None:
    graph = onnx.load_model_from_string(pack(linear(WEIGHT)).graph).graph
    assert [(node.name, *node.input, *node.output) for node in graph.node] == [
        ("", "x", "w", "0"),
        ("", "0", "y"),
    ]


def test_names_stay_unique_and_subgraphs_find_the_values_around_them() -> None:
    """A subgraph uses `long` and has a `mine` of its own; `0` is a weight, `1` a value of the subgraph."""
    inner = helper.make_graph(
        [helper.make_node("Mul", ["long", "mine"], ["1"]), helper.make_node("Neg", ["1"], ["in"], name="n")],
        "inner",
        [],
        [helper.make_tensor_value_info("in", TensorProto.FLOAT, [1])],
        [numpy_helper.from_array(np.array([2], np.float32), "mine")],
    )
    nodes = [
        helper.make_node("Add", ["x", "0"], ["long"], name="a"),
        helper.make_node("Abs", ["long"], ["mine"]),
        helper.make_node("Greater", ["mine", "0"], ["condition"]),
        helper.make_node("If", ["condition"], ["y"], then_branch=inner, else_branch=inner),
    ]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    weights = [numpy_helper.from_array(np.array([3], np.float32), "0")]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], weights)
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 18)])
    shorten_names_(model.graph)
    add, absolute, greater, branch = model.graph.node
    assert [*add.input, *add.output] == ["x", "0", "2"]
    assert [*absolute.input, *absolute.output] == ["2", "mine"]
    assert [*greater.output, *branch.input, *branch.output] == ["3", "3", "y"]
    then = branch.attribute[0].g
    assert [(node.name, *node.input, *node.output) for node in then.node] == [
        ("", "2", "mine", "1"),
        ("", "1", "in"),
    ]
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (y,) = session.run(None, {"x": np.array([1], np.float32)})
    assert y.tolist() == [-8]


def test_subnormals_are_flushed_and_counted() -> None:
    packed = pack(linear(np.array([[1e-40, 1.0, -1e-42]], np.float32)))
    assert packed.subnormals == 2
    assert packed.tensors["w"].tobytes() == np.array([[0, 1, 0]], np.float32).tobytes()


def test_strings_stay_in_the_graph_and_numbers_of_4_bits_leave_it() -> None:
    model = linear(WEIGHT)
    model.graph.initializer.add(
        name="labels", data_type=TensorProto.STRING, dims=[2], string_data=[b"cat", b"dog"]
    )
    model.graph.initializer.append(helper.make_tensor("nibbles", TensorProto.INT4, [2], [1, -2]))
    packed = pack(model)
    graph = onnx.load_model_from_string(packed.graph).graph
    assert [tensor.name for tensor in graph.initializer] == ["labels"]
    assert list(packed.tensors) == ["w", "nibbles"]
    back = onnx.load_model_from_string(onnx_bytes(decode(encode(packed.graph, packed.tensors, {}))))
    nibbles = {tensor.name: tensor for tensor in back.graph.initializer}["nibbles"]
    assert (nibbles.data_type, numpy_helper.to_array(nibbles).tolist()) == (TensorProto.INT4, [1, -2])


def test_constants_inside_a_node_or_a_subgraph_are_the_programs() -> None:
    """1e-40 in a Constant may be there on purpose, for instance against a division by zero."""
    model = linear(WEIGHT)
    inner = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["out"])],
        "inner",
        [],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1])],
        [helper.make_tensor("c", TensorProto.FLOAT, [1], [1e-40])],
    )
    model.graph.node.append(
        helper.make_node("If", ["condition"], ["z"], then_branch=inner, else_branch=inner)
    )
    packed = pack(model)
    kept = onnx.load_model_from_string(packed.graph).graph.node[-1].attribute[0].g.initializer
    assert numpy_helper.to_array(kept[0])[0] > 0
    assert list(packed.tensors) == ["w"]


def external(tensor: TensorProto) -> None:
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")


def test_weights_in_other_files_are_refused() -> None:
    model = linear(WEIGHT)
    external(model.graph.initializer[0])
    with pytest.raises(ArtifactError, match=r"tensor 'w' lives in another file.*onnx\.load\(path\)"):
        pack(model)


def test_packed_and_put_together_again_the_model_is_valid_and_the_same() -> None:
    model = linear(WEIGHT)
    packed = pack(model)
    back = onnx.load_model_from_string(onnx_bytes(decode(encode(packed.graph, packed.tensors, {}))))
    onnx.checker.check_model(back, full_check=True)
    assert back.graph.initializer[0] == model.graph.initializer[0]
    assert back.opset_import == model.opset_import


def test_a_network_from_torch_loses_its_traces_and_keeps_its_names() -> None:
    import torch
    from torch import nn

    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 3)).eval()
    with warnings.catch_warnings(action="ignore"):  # the exporter's own
        program = torch.onnx.export(
            network, (torch.zeros(1, 1, 8, 8),), dynamo=True, optimize=False, verbose=False
        )
    assert program is not None
    packed = pack(program.model)
    for name, value in network.state_dict().items():
        if "num_batches" not in name:
            np.testing.assert_array_equal(packed.tensors[name], value.numpy())
    assert len(packed.graph) < 2000
    assert b"torch" not in packed.graph.replace(b"pytorch", b"")  # the producer's name stays
