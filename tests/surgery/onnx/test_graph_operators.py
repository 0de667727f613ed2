"""Operator by operator: what a node says about sizes and places follows what is left of its values."""

from typing import Any

import numpy as np
import onnx
import onnx_ir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_ir.passes.common import ShapeInferencePass

from secateur.errors import SurgeryError
from secateur.graph.values import look
from secateur.network_file.run import caller
from secateur.surgery.onnx.apply import apply_
from secateur.surgery.onnx.changes import Entries
from secateur.surgery.onnx.graph import narrowed
from secateur.surgery.onnx.kept import Kept

X = "float[1,6] x"
Left = dict[tuple[str, int], list[int]]
"""Axis -> the positions that are left."""


def parsed(body: str, inputs: str = X, output: str = "y", constants: str = "", opset: int = 20) -> Any:
    text = f"""<ir_version: 10, opset_import: ["" : {opset}]>
    g ({inputs}) => (float[] {output}) <{constants}> {{ {body} }}"""
    proto = onnx.parser.parse_model(text)
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    graph = onnx_ir.from_proto(proto)
    ShapeInferencePass()(graph)
    return graph


def check(graph: Any, left: Left, example: np.ndarray | None = None) -> Any:
    """The cut graph answers on what is left of the input what is left of the whole graph's answer."""
    name = graph.graph.inputs[0].name
    shape = [size if isinstance(size, int) else 2 for size in graph.graph.inputs[0].shape]
    x = np.arange(1, np.prod(shape) + 1, dtype=np.float32).reshape(shape) if example is None else example
    values = look(graph, [x])
    stays = {axis: np.isin(np.arange(values.shapes[axis[0]][axis[1]]), keep) for axis, keep in left.items()}
    kept = Kept(values, stays)
    cut = narrowed(graph, kept)
    (whole,) = caller(graph)([x])
    (answer,) = caller(cut)([only(x, kept, name)])
    np.testing.assert_allclose(answer, only(whole, kept, graph.graph.outputs[0].name), rtol=1e-6)
    return cut


def only(array: np.ndarray, kept: Kept, name: str) -> np.ndarray:
    for axis in range(array.ndim):
        array = np.compress(kept.positions(name, axis), array, axis=axis)
    return array


def constant(cut: Any, name: str) -> Any:
    return cut.graph.initializers[name].const_value.numpy().tolist()


def test_slice_counts_in_what_is_left() -> None:
    ends = "int64[1] s = {2}, int64[1] e = {5}, int64[1] a = {1}"
    cut = check(parsed("y = Slice(x, s, e, a)", constants=ends), {("x", 1): [0, 3, 4, 5], ("y", 1): [1, 2]})
    assert (constant(cut, "s"), constant(cut, "e")) == ([1], [3])


def test_slice_to_the_end_stays_as_it_is() -> None:
    ends = "int64[1] s = {0}, int64[1] e = {9223372036854775807}, int64[1] a = {-1}"
    cut = check(parsed("y = Slice(x, s, e, a)", constants=ends), {("x", 1): [1, 2], ("y", 1): [1, 2]})
    assert constant(cut, "e") == [9223372036854775807]


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(st.sets(st.integers(0, 8), min_size=1), st.integers(-9, 8), st.integers(-12, 12), st.integers(1, 3))
def test_slice_with_any_stretch(keep: set[int], start: int, end: int, step: int) -> None:
    for s, e, t in ((start, end, step), (end, start, -step)):
        taken = list(range(9))[s:e:t]
        if taken:
            constants = (
                f"int64[1] s = {{{s}}}, int64[1] e = {{{e}}}, int64[1] a = {{0}}, int64[1] t = {{{t}}}"
            )
            left = {("x", 0): sorted(keep), ("y", 0): [i for i, p in enumerate(taken) if p in keep]}
            graph = parsed("y = Slice(x, s, e, a, t)", "float[9] x", constants=constants)
            check(graph, left)


def test_what_no_stretch_reaches_is_picked() -> None:
    """Of 0 2 4 6 are left 0 4 6, which are at 0 3 4 of what is left of the input."""
    constants = "int64[1] s = {0}, int64[1] e = {8}, int64[1] a = {0}, int64[1] t = {2}"
    graph = parsed("y = Slice(x, s, e, a, t) z = Neg(y)", "float[8] x", "z", constants)
    cut = check(graph, {("x", 0): [0, 1, 3, 4, 6, 7], ("y", 0): [0, 2, 3], ("z", 0): [0, 2, 3]})
    gather = next(node for node in cut.graph if node.op_type == "Gather")
    assert gather.outputs[0].name == "y"
    assert gather.inputs[1].const_value.numpy().tolist() == [0, 3, 4]


def test_split_gets_sizes_where_parts_are_no_longer_equal() -> None:
    graph = parsed("a, b = Split <axis = 1, num_outputs = 2> (x) y = Concat <axis = 1> (a, b, a)")
    left = {("x", 1): [0, 3, 4, 5], ("a", 1): [0], ("b", 1): [0, 1, 2], ("y", 1): [0, 3, 4, 5, 6]}
    (node, _) = check(graph, left).graph
    assert node.inputs[1].const_value.numpy().tolist() == [1, 3]
    assert "num_outputs" not in node.attributes


def test_before_opset_13_those_sizes_are_an_attribute() -> None:
    graph = parsed("a, b = Split <axis = 1> (x) y = Neg(b)", opset=12)
    cut = check(graph, {("x", 1): [0, 3, 4, 5], ("a", 1): [0], ("b", 1): [0, 1, 2], ("y", 1): [0, 1, 2]})
    assert list(cut.graph[0].attributes["split"].value) == [1, 3]


def test_split_that_stays_equal_says_nothing_new() -> None:
    graph = parsed("a, b = Split <axis = 1, num_outputs = 2> (x) y = Mul(a, b)")
    left = {("x", 1): [0, 2, 3, 5], ("a", 1): [0, 2], ("b", 1): [0, 2], ("y", 1): [0, 2]}
    assert [len(node.inputs) for node in check(graph, left).graph] == [1, 2]


def test_split_sizes_are_an_input_or_before_opset_13_an_attribute() -> None:
    left = {("x", 1): [0, 3], ("a", 1): [0], ("b", 1): [1], ("y", 1): [1]}
    new = parsed("a, b = Split <axis = 1> (x, n) y = Neg(b)", constants="int64[2] n = {2, 4}")
    old = parsed("a, b = Split <axis = 1, split = [2, 4]> (x) y = Neg(b)", opset=12)
    assert constant(check(new, left), "n") == [1, 1]
    assert list(check(old, left).graph[0].attributes["split"].value) == [1, 1]


def test_reshape_with_sizes_free_and_copied() -> None:
    """(1, 6, 5) -> (1, 2 groups, 3, 5), of which one group is left."""
    shape = "int64[4] n = {0, 2, -1, 5}"
    left = {("x", 1): [3, 4, 5], ("y", 1): [1]}
    assert constant(check(parsed("y = Reshape(x, n)", "float[1,6,5] x", constants=shape), left), "n") == [
        *(0, 1, -1, 5)
    ]


def test_reshape_that_copies_a_size_that_is_another_one_now() -> None:
    left = {("x", 1): [0, 2], ("y", 2): [0, 2]}
    cut = check(parsed("y = Reshape(x, n)", "float[1,3,1] x", constants="int64[3] n = {0, 1, 3}"), left)
    assert constant(cut, "n") == [0, 1, 2]


def test_a_constant_that_another_node_reads_stays_as_it_is_for_that() -> None:
    """x (1, 6) is cut, z (1, 6) is not."""
    body = "a = Reshape(x, n) b = Reshape(c, n) d = ReduceSum(b) y = Add(a, d)"
    graph = parsed(
        body, constants="int64[2] n = {6, 1}, float[1,6] c = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}", opset=20
    )
    left = {("x", 1): [1, 4], ("a", 0): [1, 4], ("y", 0): [1, 4]}
    cut = check(graph, left)
    assert constant(cut, "n") == [6, 1]
    assert cut.graph[0].inputs[1].const_value.numpy().tolist() == [2, 1]


def test_expand_and_constant_of_shape_are_uniform() -> None:
    body = "a = Expand(o, n) b = ConstantOfShape(m) c = Add(a, b) y = Add(x, c)"
    constants = "int64[1] n = {6}, int64[2] m = {1, 6}, float[1] o = {2.0}"
    left = {(name, axis): [0, 5] for name, axis in (("x", 1), ("a", 0), ("b", 1), ("c", 1), ("y", 1))}
    cut = check(parsed(body, constants=constants), left)
    assert (constant(cut, "n"), constant(cut, "m")) == ([2], [1, 2])


def test_tile_repeats_as_often() -> None:
    left = {("x", 1): [0, 5], ("y", 1): [0, 5, 6, 11]}
    cut = check(parsed("y = Tile(x, n)", constants="int64[2] n = {1, 2}"), left)
    assert constant(cut, "n") == [1, 2]


def test_pad_adds_what_is_left_of_the_padding() -> None:
    """2 before and 1 after; of the two one goes."""
    left = {("x", 1): [0, 5], ("y", 1): [0, 2, 7, 8]}
    cut = check(parsed("y = Pad(x, n)", constants="int64[4] n = {0, 2, 0, 1}"), left)
    assert constant(cut, "n") == [0, 1, 0, 1]


def test_pad_that_takes_away_takes_less_where_that_is_gone() -> None:
    left = {("x", 1): [1, 2, 5], ("y", 1): [0, 3]}
    cut = check(parsed("y = Pad(x, n, , a)", constants="int64[2] n = {-2, 0}, int64[1] a = {1}"), left)
    assert constant(cut, "n") == [-1, 0]


def test_before_opset_11_padding_is_an_attribute() -> None:
    graph = parsed("y = Pad <pads = [0, 2, 0, 1]> (x)", opset=10)
    same = check(graph, {("x", 1): [0, 5], ("y", 1): [0, 1, 2, 7, 8]})
    less = check(graph, {("x", 1): [0, 5], ("y", 1): [0, 2, 7]})
    assert [list(cut.graph[0].attributes["pads"].value) for cut in (same, less)] == [
        [0, 2, 0, 1],
        [0, 1, 0, 0],
    ]


def test_gather_follows_rows_to_their_new_numbers() -> None:
    left = {("x", 1): [1, 4, 5], ("i", 0): [0, 1, 3], ("y", 1): [0, 1, 3]}
    cut = check(parsed("y = Gather <axis = 1> (x, i)", constants="int64[4] i = {5, -2, 0, 1}"), left)
    assert constant(cut, "i") == [2, 1, 0]


def test_gather_of_a_row_that_is_gone_is_refused() -> None:
    graph = parsed("y = Gather <axis = 1> (x, i)", constants="int64[1] i = {0}")
    with pytest.raises(SurgeryError, match=r"Gather \(y\) cannot follow the cut.*axis 1 of x that are gone"):
        check(graph, {("x", 1): [1, 2]})


def test_resize_with_sizes() -> None:
    graph = parsed("y = Resize(x, , , n)", "float[1,4,2,2] x", constants="int64[4] n = {1, 4, 4, 4}")
    assert constant(check(graph, {("x", 1): [1, 3], ("y", 1): [1, 3]}), "n") == [1, 2, 4, 4]


def test_group_norm_keeps_the_channels_of_a_group() -> None:
    constants = "float[6] s = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}, float[6] b = {0.0, 0.0, 0.0, 1.0, 1.0, 1.0}"
    graph = parsed(
        "y = GroupNormalization <num_groups = 3> (x, s, b)", "float[2,6,3] x", constants=constants, opset=21
    )
    keep = [0, 1, 4, 5]
    cut = check(graph, {("x", 1): keep, ("s", 0): keep, ("b", 0): keep, ("y", 1): keep})
    assert cut.graph[0].attributes["num_groups"].value == 2


def test_attention_counts_its_heads_and_those_they_share() -> None:
    """Of 4 heads of width 2 two each share one of keys; the first of these goes, and its two heads."""
    body = """
    p = Slice(x, zero, eight, last) k = Slice(x, eight, twelve, last)
    q = RotaryEmbedding <num_heads = 4> (p, c, s) v = Neg(k)
    y = Attention <q_num_heads = 4, kv_num_heads = 2> (q, k, v)
    """
    constants = """int64[1] zero = {0}, int64[1] eight = {8}, int64[1] twelve = {12}, int64[1] last = {2},
    float[1,3,1] c = {0.5, 0.6, 0.7}, float[1,3,1] s = {0.1, 0.2, 0.3}"""
    graph = parsed(body, "float[1,3,12] x", constants=constants, opset=23)
    heads, keys = [4, 5, 6, 7], [2, 3]
    left = {("x", 2): [*heads, 10, 11], ("p", 2): heads, ("q", 2): heads, ("y", 2): heads}
    cut = check(graph, {**left, ("k", 2): keys, ("v", 2): keys})
    counted = {name: a.value for node in cut.graph for name, a in node.attributes.items()}
    assert counted == {"num_heads": 2, "q_num_heads": 2, "kv_num_heads": 1}


COMPUTED = """
    h = Shape <start = 0, end = 1> (x) c = Shape <start = 1, end = 2> (x)
    {} n = Concat <axis = 0> (h, {}) y = Reshape(x, n)
"""


@pytest.mark.parametrize(
    ("parts", "operators"),
    [
        (COMPUTED.format("t = Div(c, two)", "two, t"), 6),  # the halves are constants, their width follows
        (COMPUTED.format("t = Div(c, three)", "t, three"), 8),  # the other way round
    ],
)
def test_computed_shapes_follow_by_themselves_or_are_multiplied(parts: str, operators: int) -> None:
    """(batch, 6) -> (batch, 2, 3), of which one column is left, for a batch of any size."""
    graph = parsed(parts, "float[b, 6] x", constants="int64[1] two = {2}, int64[1] three = {3}")
    left = {("x", 1): [1, 4], ("y", 2): [1]}
    cut = check(graph, left)
    (answer,) = caller(cut)([np.arange(10, dtype=np.float32).reshape(5, 2)])
    np.testing.assert_array_equal(answer, np.arange(10, dtype=np.float32).reshape(5, 2, 1))
    assert len(cut.graph) <= operators


def test_numbers_that_no_factor_makes_are_refused() -> None:
    graph = parsed("n = Shape(x) y = Reshape(x, n)")
    change = Entries(1, there=np.array([0, 6]), numbers=np.array([2, 3]))
    with pytest.raises(
        SurgeryError, match=r"Reshape \(y\) computes \[0, 6\].*\[2, 3\] after the cut, which no"
    ):
        apply_(graph.graph, [(graph.graph[1], change)])


def test_a_range_has_nothing_to_cut() -> None:
    graph = parsed(
        "i = Range(z, n, o) y = Add(x, i)",
        "float[6] x",
        constants="float z = {0.0}, float n = {6.0}, float o = {1.0}",
    )
    with pytest.raises(SurgeryError, match=r"Range \(i\) cannot follow the cut"):
        check(graph, {("x", 0): [0, 2], ("i", 0): [0, 2], ("y", 0): [0, 2]})
