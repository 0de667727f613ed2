import numpy as np
import pytest
from coupled_graphs import Array, coupled, groups, reasons

WHOLE = np.int64


def whole(*numbers: int) -> Array:
    return np.array(numbers, WHOLE)


def test_each_input_of_a_concatenation_owns_a_stretch() -> None:
    found = groups(
        "h = MatMul(x, a)\n i = MatMul(x, b)\n c = Concat <axis = -1> (h, i)\n y = MatMul(c, d)",
        x=(2, 2),
        a=(2, 3),
        b=(2, 2),
        d=(5, 2),
    )
    assert found == {
        "a": {("a", 1): [[0], [1], [2]], ("d", 0): [[0], [1], [2]]},
        "b": {("b", 1): [[0], [1]], ("d", 0): [[3], [4]]},
    }


def test_a_dense_connection_is_read_by_two() -> None:
    """As in DenseNet: what the first layer makes is read by the second and, beside it, by the third."""
    found = groups(
        "h = MatMul(x, a)\n i = MatMul(h, b)\n c = Concat <axis = 1> (h, i)\n y = MatMul(c, d)",
        x=(2, 2),
        a=(2, 2),
        b=(2, 2),
        d=(4, 2),
    )
    assert found == {
        "a": {("a", 1): [[0], [1]], ("b", 0): [[0], [1]], ("d", 0): [[0], [1]]},
        "b": {("b", 1): [[0], [1]], ("d", 0): [[2], [3]]},
    }


def test_equal_parts_lose_the_same_positions() -> None:
    """As in a gated MLP: the code asks for two parts of equal size."""
    found = groups(
        "h = MatMul(x, a)\n u, g = Split <axis = -1, num_outputs = 2> (h)\n m = Mul(u, g)\n y = MatMul(m, b)",
        x=(2, 2),
        a=(2, 6),
        b=(3, 2),
    )
    assert found == {"a": {("a", 1): [[0, 3], [1, 4], [2, 5]], ("b", 0): [[0], [1], [2]]}}


def test_unequal_parts_are_stretches() -> None:
    found = groups(
        "h = MatMul(x, a)\n u, v = Split <axis = 1> (h, sizes)\n i = MatMul(u, b)\n j = MatMul(v, c)\n"
        "y = Add(i, j)",
        ["a", "b", "c"],
        x=(2, 2),
        a=(2, 5),
        sizes=whole(3, 2),
        b=(3, 2),
        c=(2, 2),
    )
    assert found == {
        "a": {("a", 1): [[0], [1], [2]], ("b", 0): [[0], [1], [2]]},
        "a#2": {("a", 1): [[3], [4]], ("c", 0): [[0], [1]]},
    }


@pytest.mark.parametrize(
    ("start", "end", "step", "positions"),
    [
        (0, 3, 1, [0, 1, 2]),
        (2, 2**62, 1, [2, 3, 4]),
        (-2, 5, 1, [3, 4]),
        (0, 5, 2, [0, 2, 4]),
        (-1, -(2**62), -1, [4, 3, 2, 1, 0]),
    ],
)
def test_a_slice_is_read_by_another_layer(start: int, end: int, step: int, positions: list[int]) -> None:
    found = groups(
        "h = MatMul(x, a)\n s = Slice(h, start, end, axis, step)\n i = MatMul(s, b)\n j = MatMul(h, c)\n"
        "y = Add(i, j)",
        ["a", "b", "c"],
        x=(2, 2),
        a=(2, 5),
        start=whole(start),
        end=whole(end),
        axis=whole(1),
        step=whole(step),
        b=(len(positions), 2),
        c=(5, 2),
    )
    pairs = {
        rows[0]: columns[0]
        for group in found.values()
        if ("b", 0) in group
        for rows, columns in zip(group["b", 0], group["a", 1], strict=True)
    }
    assert pairs == dict(enumerate(positions))


def test_a_slice_whose_place_depends_on_the_input_is_fixed() -> None:
    coupling = coupled(
        "h = MatMul(x, a)\n s = Slice(h, x2, end, axis)\n y = MatMul(s, b)",
        ["a", "b"],
        x=(2, 2),
        x2=whole(1),
        a=(2, 4),
        end=whole(4),
        axis=whole(1),
        b=(3, 2),
    )
    assert not coupling.groups
    assert reasons(coupling)["a", 1] == "Slice (s) depends on the input"


def test_an_embedding_keeps_its_rows_and_loses_columns() -> None:
    coupling = coupled(
        "h = Gather(table__weight, x)\n y = MatMul(h, b)",
        x=np.array([[1, 0, 2]], WHOLE),
        table__weight=(4, 3),
        b=(3, 2),
    )
    (group,) = coupling.groups
    assert (group.name, group.units) == ("table", 3)
    assert reasons(coupling)["table.weight", 0] == "Gather (table) picks from it by number"


def test_one_of_the_parts_is_picked() -> None:
    """As in q, k, v = qkv[0], qkv[1], qkv[2]."""
    found = groups(
        "h = MatMul(x, a)\n r = Reshape(h, parts)\n q = Gather <axis = 1> (r, zero)\n"
        "k = Gather <axis = 1> (r, one)\n m = Mul(q, k)\n y = MatMul(m, b)",
        ["a", "b"],
        x=(2, 2),
        a=(2, 6),
        parts=whole(2, 2, 3),
        zero=np.array(0, WHOLE),
        one=np.array(1, WHOLE),
        b=(3, 2),
    )
    assert found == {"a": {("a", 1): [[0, 3], [1, 4], [2, 5]], ("b", 0): [[0], [1], [2]]}}


def test_rows_picked_each_in_turn_are_laid_out_anew() -> None:
    """As exported views of memory are: (6,) picked by [[0, 1, 2], [3, 4, 5]] is a reshape to (2, 3)."""
    found = groups(
        "h = MatMul(x, a)\n f = Reshape(h, flat)\n r = Gather(f, rows)\n y = MatMul(r, b)",
        ["a", "b"],
        x=(2, 2),
        a=(2, 3),
        flat=whole(-1),
        rows=np.arange(6).reshape(2, 3),
        b=(3, 2),
    )
    assert found == {"a": {("a", 1): [[0], [1], [2]], ("b", 0): [[0], [1], [2]]}}


def test_channels_that_are_padded_stay() -> None:
    coupling = coupled(
        "h = MatMul(x, a)\n p = Pad(h, pads)\n y = MatMul(p, b)",
        ["a", "b"],
        x=(2, 2),
        a=(2, 3),
        pads=whole(0, 1, 0, 1),
        b=(5, 2),
    )
    assert reasons(coupling)["a", 1] == "Pad (p) pads 3 to 5"


def test_channels_beside_a_padded_axis_pass() -> None:
    found = groups(
        "h = Conv(x, a)\n p = Pad(h, pads)\n y = Conv(p, b)",
        ["a", "b"],
        x=(1, 2, 3),
        a=(3, 2, 1),
        pads=whole(0, 0, 1, 0, 0, 1),
        b=(2, 3, 1),
    )
    assert found == {"a": {("a", 0): [[0], [1], [2]], ("b", 1): [[0], [1], [2]]}}
