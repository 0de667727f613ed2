import numpy as np
import pytest
from coupled_graphs import Array, coupled, groups, reasons, told

THREE = [[0], [1], [2]]


def whole(*numbers: int) -> Array:
    return np.array(numbers, np.int64)


def test_a_weight_on_either_side() -> None:
    found = groups("h = MatMul(a, x)\n y = MatMul(b, h)", x=(2, 4), a=(3, 2), b=(2, 3))
    assert found == {"a": {("a", 0): THREE, ("b", 1): THREE}}


@pytest.mark.parametrize(("trans", "shape", "axis"), [(0, (2, 3), 1), (1, (3, 2), 0)])
def test_gemm_with_its_weight_turned_or_not(trans: int, shape: tuple[int, int], axis: int) -> None:
    found = groups(
        f"h = Gemm <transB = {trans}> (x, a, c)\n y = Gemm(h, b)", x=(4, 2), a=shape, c=(3,), b=(3, 2)
    )
    assert found == {"a": {("a", axis): THREE, ("c", 0): THREE, ("b", 0): THREE}}


def test_gemm_with_its_input_turned() -> None:
    found = groups("h = Gemm(x, a)\n y = Gemm <transA = 1> (h, b)", x=(4, 2), a=(2, 3), b=(4, 2))
    assert found == {}  # the columns of h are rows of y, an output


def test_a_vector_has_no_columns() -> None:
    found = groups("h = MatMul(x, a)\n y = MatMul(h, b)", x=(4, 2), a=(2, 3), b=(3,))
    assert found == {"a": {("a", 1): THREE, ("b", 0): THREE}}


def test_what_two_activations_are_summed_over_stays() -> None:
    """In attention that is the width of a head: scores are also divided by its root."""
    coupling = coupled(
        "q = MatMul(x, a)\n k = MatMul(x, b)\n t = Transpose <perm = [1, 0]> (k)\n y = MatMul(q, t)",
        x=(2, 4),
        a=(4, 3),
        b=(4, 3),
    )
    assert not coupling.groups
    assert reasons(coupling)["a", 1] == "MatMul (y) sums products of two activations over it"
    assert reasons(coupling)["b", 1] == "MatMul (y) sums products of two activations over it"


def test_experts_go_when_products_are_separate_for_each() -> None:
    """A weight (experts, in, out) times activations (experts, n, in): no heads, but separate positions."""
    found = groups(
        "h = MatMul(x, a)\n r = Reshape(h, split)\n t = Transpose <perm = [1, 0, 2]> (r)\n u = MatMul(t, w)\n"
        "v = Transpose <perm = [1, 0, 2]> (u)\n f = Reshape(v, flat)\n y = MatMul(f, b)",
        ["a", "w", "b"],
        x=(2, 2),
        a=(2, 6),
        split=whole(2, 3, 2),
        w=(3, 2, 2),
        flat=whole(2, 6),
        b=(6, 2),
    )
    pairs = [[0, 1], [2, 3], [4, 5]]
    assert found == {"a": {("a", 1): pairs, ("w", 0): THREE, ("b", 0): pairs}}


def test_letters_of_einsum_are_axes() -> None:
    found = groups(
        'h = MatMul(x, a)\n y = Einsum <equation = "nc,co->no"> (h, b)', x=(2, 2), a=(2, 3), b=(3, 2)
    )
    assert found == {"a": {("a", 1): THREE, ("b", 0): THREE}}


def test_heads_of_einsum_go_and_their_width_stays() -> None:
    coupling = coupled(
        "q = MatMul(x, a)\n s = Reshape(q, split)\n k = MatMul(x, b)\n u = Reshape(k, split)\n"
        'p = Einsum <equation = "qhd,khd->hqk"> (s, u)\n w = Softmax(p)\n'
        'o = Einsum <equation = "hqk,khd->qhd"> (w, u)\n f = Reshape(o, flat)\n y = MatMul(f, c)',
        ["a", "b", "c"],
        x=(3, 2),
        a=(2, 4),
        b=(2, 4),
        split=whole(3, 2, 2),
        flat=whole(3, 4),
        c=(4, 2),
    )
    (group,) = coupling.groups
    assert (group.kind, group.units) == ("heads", 2)
    pairs = [[0, 1], [2, 3]]
    assert told(coupling)[group.name] == {("a", 1): pairs, ("b", 1): pairs, ("c", 0): pairs}


@pytest.mark.parametrize("equation", ["...c,co->...o", "nc,co"])
def test_an_equation_that_is_not_understood_says_so(equation: str) -> None:
    coupling = coupled(
        f'h = MatMul(x, a)\n y = Einsum <equation = "{equation}"> (h, b)', x=(2, 2), a=(2, 3), b=(3, 2)
    )
    assert not coupling.groups
    assert reasons(coupling)["a", 1].endswith(f"has an equation that is not understood: {equation}")
