import numpy as np
import onnx
import onnx_ir
import pytest
from coupled_graphs import coupled, example_for, facts_of, graph_of, groups, reasons

from secateur.errors import CouplingError
from secateur.graph.coupling import couple
from secateur.graph.facts import facts
from secateur.graph.relations import Fixed
from secateur.graph.rules import RULES
from secateur.graph.values import Values, look


def test_an_operator_without_a_rule_fixes_all_and_is_named() -> None:
    coupling = coupled(
        "h = MatMul(x, a)\n d = Det(h)\n e = MatMul(x, b)\n y = Mul(d, e)", x=(1, 2, 2), a=(2, 2), b=(2, 3)
    )
    assert not coupling.groups
    assert reasons(coupling)["a", 1] == "Det (d) is an operator that secateur does not follow"


def test_an_operator_of_another_domain_is_not_the_one_of_that_name() -> None:
    facts = facts_of("z = foreign.Relu(x)", {"x": (2, 3), "z": (2, 3)})
    assert {("fixed", ("z", 1)), ("fixed", ("x", 1))} < facts
    assert not any(word == "same" for word, *_ in facts)


def test_an_axis_that_a_rule_leaves_out_is_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, "Relu", lambda op: op.same((op.input(0), 0), (op.outputs[0], 0)))
    coupling = coupled("h = MatMul(x, a)\n r = Relu(h)\n y = MatMul(r, b)", x=(2, 2), a=(2, 3), b=(3, 2))
    assert reasons(coupling)["a", 1] == "Relu (r) treats its positions as one"


def test_a_value_of_unknown_shape_fixes_all() -> None:
    graph = graph_of("h = Relu(x)\n y = Relu(h)", x=(2, 3))
    found = facts(graph, Values({"x": (2, 3), "h": (2, 3)}, {}), [])
    said = {(r.axis, r.reason) for r in found.relations if isinstance(r, Fixed)}
    assert (("h", 1), "Relu (y) reads or makes a value whose shape is not known") in said


def branching(condition: str) -> onnx_ir.Model:
    """h = x @ a; if the condition holds: h @ b, else the negative of it; both read h from outside."""
    inner = onnx.parser.parse_graph("then () => (float[2, 2] t) { t = MatMul(h, b) }")
    other = onnx.parser.parse_graph("else () => (float[2, 2] e) { p = MatMul(h, b) e = Neg(p) }")
    graph = graph_of(
        f"h = MatMul(x, a)\n s = ReduceSum(x)\n c = Greater(s, zero)\n y = Identity({condition})",
        x=(2, 2),
        a=(2, 3),
        b=(3, 2),
        zero=np.array(0, np.float32),
    )
    proto = onnx_ir.to_proto(graph)
    proto.graph.node[-1].CopyFrom(
        onnx.helper.make_node("If", [condition], ["y"], then_branch=inner, else_branch=other)
    )
    return onnx_ir.from_proto(proto)


def test_a_branch_that_data_decides_says_so_and_fixes_what_it_reads() -> None:
    graph = branching("c")
    values = look(graph, example_for(x=(2, 2)))
    coupling = couple(graph, values)
    assert not coupling.groups
    expected = "If (y) runs a part of the network only where data says so, which secateur does not follow"
    assert reasons(coupling)["a", 1] == expected
    assert reasons(coupling)["b", 0] == expected


def test_a_loop_fixes_what_it_reads_from_outside() -> None:
    body = onnx.parser.parse_graph(
        "body (int64 i, bool go, float[2, 3] carried) => (bool on, float[2, 3] next)"
        " { on = Identity(go) next = Add(carried, h) }"
    )
    graph = graph_of(
        "h = MatMul(x, a)\n l = Identity(h)\n y = MatMul(l, b)",
        x=(2, 2),
        a=(2, 3),
        b=(3, 2),
        times=np.array(2),
        go=np.array(True),
    )
    proto = onnx_ir.to_proto(graph)
    proto.graph.node[1].CopyFrom(onnx.helper.make_node("Loop", ["times", "go", "h"], ["l"], body=body))
    graph = onnx_ir.from_proto(proto)
    coupling = couple(graph, look(graph, example_for(x=(2, 2))))
    assert not coupling.groups
    assert reasons(coupling)["a", 1].startswith("Loop (l) runs a part of the network only where data says so")


def test_inputs_and_outputs_of_the_network_keep_their_size() -> None:
    coupling = coupled("y = MatMul(x, a)", x=(2, 3), a=(3, 4))
    assert reasons(coupling) == {
        ("a", 0): "x is an input of the network",
        ("a", 1): "y is an output of the network",
    }


def test_a_value_that_is_also_an_output_is_fixed() -> None:
    coupling = coupled("y2 = MatMul(x, a)\n y = MatMul(y2, b)", x=(2, 2), a=(2, 3), b=(3, 2))
    assert reasons(coupling)["b", 0] == "y2 is an output of the network"


def test_what_no_one_reads_can_go() -> None:
    """A dead end: the second part of a split, and a layer whose answer is not used."""
    found = groups(
        "h = MatMul(x, a)\n p, q = Split <axis = 1> (h, sizes)\n z = MatMul(x, c)\n y = MatMul(p, b)",
        ["a", "b", "c"],
        x=(2, 2),
        a=(2, 5),
        sizes=np.array([3, 2]),
        b=(3, 2),
        c=(2, 4),
    )
    assert found == {
        "a": {("a", 1): [[0], [1], [2]], ("b", 0): [[0], [1], [2]]},
        "a#2": {("a", 1): [[3], [4]]},
        "c": {("c", 1): [[0], [1], [2], [3]]},
    }


def test_reading_a_graph_has_a_time_limit() -> None:
    graph = graph_of("h = MatMul(x, a)\n y = MatMul(h, b)", x=(2, 2), a=(2, 3), b=(3, 2))
    values = look(graph, example_for(x=(2, 2)))
    with pytest.raises(
        CouplingError, match=r"took more than 0 seconds; it has 2 operators\. Allow more time"
    ):
        couple(graph, values, seconds=0)


def test_a_reason_names_the_module_that_the_weights_are_of() -> None:
    coupling = coupled(
        "v = ReduceMean <keepdims = 1> (conv__weight, rows)\n w = Sub(conv__weight, v)\n h = Conv(x, a)\n"
        "i = Conv(h, w)\n y = Conv(i, b)",
        ["a", "conv.weight", "b"],
        x=(1, 2, 3),
        a=(3, 2, 1),
        conv__weight=(4, 3, 1),
        rows=np.array([1, 2]),
        b=(2, 4, 1),
    )
    assert [group.name for group in coupling.groups] == ["conv"]
    assert reasons(coupling)["a", 0] == "ReduceMean (conv) averages over it"
