import numpy as np
from coupled_graphs import Array, coupled, facts_of, groups, reasons

THREE = [[0], [1], [2]]


def whole(*numbers: int) -> Array:
    return np.array(numbers, np.int64)


def test_gather_nd_passes_the_axes_that_it_does_not_pick_from() -> None:
    found = groups(
        "h = MatMul(x, a)\n g = GatherND(h, places)\n y = MatMul(g, b)",
        ["a", "b"],
        x=(1, 4, 2),
        a=(2, 3),
        places=np.array([[0, 2], [0, 1]]),
        b=(3, 2),
    )
    assert found == {"a": {("a", 1): THREE, ("b", 0): THREE}}


def test_gather_nd_fixes_what_it_picks() -> None:
    facts = facts_of(
        "z = GatherND <batch_dims = 1> (x, i)", {"x": (2, 4, 3, 5), "i": (2, 6, 2), "z": (2, 6, 5)}
    )
    assert {("fixed", ("x", 1)), ("fixed", ("x", 2)), ("fixed", ("i", 2))} < facts
    assert {("same", ("x", 0), ("z", 0)), ("same", ("x", 3), ("z", 2)), ("same", ("i", 1), ("z", 1))} < facts


def test_scatter_nd_writes_rows_and_passes_channels() -> None:
    found = groups(
        "h = MatMul(x, a)\n u = MatMul(x2, b)\n s = ScatterND(h, rows, u)\n y = MatMul(s, c)",
        ["a", "b", "c"],
        x=(4, 2),
        x2=(1, 2),
        a=(2, 3),
        b=(2, 3),
        rows=np.array([[2]]),
        c=(3, 2),
    )
    assert found == {"a": {("a", 1): THREE, ("b", 1): THREE, ("c", 0): THREE}}


def test_scatter_nd_keeps_the_channels_that_it_writes_by_number() -> None:
    coupling = coupled(
        "h = MatMul(x, a)\n t = Transpose <perm = [1, 0]> (h)\n s = ScatterND(t, rows, x2)\n"
        "u = Transpose <perm = [1, 0]> (s)\n y = MatMul(u, c)",
        ["a", "c"],
        x=(4, 2),
        x2=(1, 4),
        a=(2, 3),
        rows=np.array([[2]]),
        c=(3, 2),
    )
    assert reasons(coupling)["a", 1] == "ScatterND (s) writes to it by number"


def test_elements_are_gathered_along_one_axis() -> None:
    """The input that says the places has a column for each channel, so these stay in this network."""
    found = groups(
        "h = MatMul(x, a)\n g = GatherElements <axis = 0> (h, x2)\n y = MatMul(g, b)",
        x=(4, 2),
        a=(2, 3),
        b=(3, 2),
        x2=np.array([[0, 1, 2], [2, 0, 1]]),
    )
    assert found == {}
    facts = facts_of("z = GatherElements <axis = 0> (x, i)", {"x": (4, 3), "i": (2, 3), "z": (2, 3)})
    assert {("same", ("x", 1), ("z", 1)), ("same", ("x", 1), ("i", 1))} < facts
    assert {("fixed", ("x", 0)), ("fixed", ("i", 0)), ("fixed", ("z", 0))} < facts


def test_the_largest_of_an_axis_are_picked_and_others_pass() -> None:
    body = "h = MatMul(x, a)\n v, i = TopK <axis = {}> (h, k)\n y = MatMul(v, b)"
    found = groups(body.format(0), ["a", "b"], x=(4, 2), a=(2, 3), k=whole(2), b=(3, 2))
    assert found == {"a": {("a", 1): THREE, ("b", 0): THREE}}
    coupling = coupled(body.format(1), ["a", "b"], x=(4, 2), a=(2, 3), k=whole(2), b=(2, 2))
    assert reasons(coupling)["a", 1] == "TopK (v) compares all of its positions"


def test_a_triangle_is_of_the_last_two_axes() -> None:
    body = "h = Conv(x, a)\n t = Trilu(h)\n y = Conv(t, b)"
    assert len(groups(body, x=(1, 2, 4, 4), a=(3, 2, 1, 1), b=(2, 3, 1, 1))) == 1
    assert groups(body, x=(1, 2, 4), a=(3, 2, 1), b=(2, 3, 1)) == {}


def test_a_one_hot_axis_has_a_position_for_each_number() -> None:
    coupling = coupled(
        "h = OneHot(x, depth, values)\n y = MatMul(h, b)",
        ["b"],
        x=whole(0, 2, 1),
        depth=np.array(4),
        values=np.array([0, 1], np.float32),
        b=(4, 2),
    )
    assert reasons(coupling)["b", 0] == "OneHot (h) has a position for each number"
