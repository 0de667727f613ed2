import numpy as np
from coupled_graphs import coupled, groups, reasons

from secateur.graph.rules.shapes import uneven

THREE = [[0], [1], [2]]


def test_asking_for_a_shape_fixes_nothing() -> None:
    found = groups(
        "h = MatMul(x, a)\n s = Shape(h)\n z = ConstantOfShape(s)\n t = Add(h, z)\n y = MatMul(t, b)",
        x=(2, 2),
        a=(2, 3),
        b=(3, 2),
    )
    assert found == {"a": {("a", 1): THREE, ("b", 0): THREE}}


def test_positions_that_are_counted_stay() -> None:
    coupling = coupled(
        "h = MatMul(x, a)\n r = Range(zero, three, one)\n f = CastLike(r, h)\n t = Add(h, f)\n"
        "y = MatMul(t, b)",
        ["a", "b"],
        x=(2, 2),
        a=(2, 3),
        zero=np.array(0),
        three=np.array(3),
        one=np.array(1),
        b=(3, 2),
    )
    assert not coupling.groups
    assert reasons(coupling)["a", 1] == "Range (r) counts along it"


def test_a_constant_node_is_a_constant() -> None:
    body = "h = MatMul(x, a)\n k = Constant <value = float[3] {{{}}}> ()\n t = Add(h, k)\n y = MatMul(t, b)"
    shapes = {"x": (2, 2), "a": (2, 3), "b": (3, 2)}
    assert groups(body.format("1, 1, 1"), **shapes) == {"a": {("a", 1): THREE, ("b", 0): THREE}}
    assert (
        reasons(coupled(body.format("1, 2, 3"), **shapes))["a", 1]
        == "Constant (k) is a constant of the network"
    )


def test_axes_along_which_positions_differ() -> None:
    assert uneven(np.ones((2, 3))) == []
    assert uneven(np.array([[1, 2], [1, 2]])) == [1]
    assert uneven(np.array([[1, 1], [2, 2]])) == [0]
    assert uneven(np.array([[1, 0], [0, 1]])) == [0, 1]
    assert uneven(np.array([[5, 6]])) == [1]
