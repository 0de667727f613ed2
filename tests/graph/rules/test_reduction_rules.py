import numpy as np
import pytest
from coupled_graphs import coupled, groups, reasons

SHAPES = {"x": (1, 2, 4, 4), "a": (3, 2, 1, 1)}
THREE = [[0], [1], [2]]


@pytest.mark.parametrize("kind", ["Mean", "Sum", "Max", "Min", "L2", "LogSumExp"])
def test_channels_pass_a_reduction_of_places(kind: str) -> None:
    found = groups(
        f"h = Conv(x, a)\n p = Reduce{kind} <keepdims = 0> (h, places)\n y = MatMul(p, b)",
        ["a", "b"],
        **SHAPES,
        places=np.array([-1, -2]),
        b=(3, 2),
    )
    assert found == {"a": {("a", 0): THREE, ("b", 0): THREE}}


def test_a_reduction_that_keeps_its_axes_is_aligned() -> None:
    found = groups(
        "h = Conv(x, a)\n p = ReduceMean(h, places)\n y = Conv(p, b)",
        ["a", "b"],
        **SHAPES,
        places=np.array([2, 3]),
        b=(2, 3, 1, 1),
    )
    assert found == {"a": {("a", 0): THREE, ("b", 1): THREE}}


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("Mean", "averages over it"),
        ("Sum", "sums over it"),
        ("Max", "compares all of its positions"),
    ],
)
def test_channels_that_are_reduced_stay(kind: str, reason: str) -> None:
    """As in spatial attention, which looks at the mean and the largest of all channels."""
    coupling = coupled(
        f"h = Conv(x, a)\n p = Reduce{kind}(h, channels)\n m = Mul(h, p)\n y = Conv(m, b)",
        ["a", "b"],
        **SHAPES,
        channels=np.array([1]),
        b=(2, 3, 1, 1),
    )
    assert not coupling.groups
    assert reasons(coupling)["a", 0] == f"Reduce{kind} (p) {reason}"


def test_no_axes_are_all_axes() -> None:
    coupling = coupled("h = Conv(x, a)\n y = ReduceMean(h)", **SHAPES)
    assert reasons(coupling)["a", 0] == "ReduceMean (y) averages over it"


def test_no_axes_are_none_where_the_operator_says_so() -> None:
    found = groups(
        "h = Conv(x, a)\n p = ReduceSum <noop_with_empty_axes = 1> (h)\n y = Conv(p, b)",
        **SHAPES,
        b=(2, 3, 1, 1),
    )
    assert found == {"a": {("a", 0): THREE, ("b", 1): THREE}}


def test_axes_that_the_input_says_fix_all() -> None:
    coupling = coupled(
        "h = Conv(x, a)\n p = ReduceMean(h, x2)\n y = Conv(p, b)",
        **SHAPES,
        x2=np.array([2, 3]),
        b=(2, 3, 1, 1),
    )
    assert reasons(coupling)["a", 0] == "ReduceMean (p) takes its axes from the input"


def test_the_number_of_the_largest_channel_needs_all_of_them() -> None:
    coupling = coupled("h = Conv(x, a)\n y = ArgMax <axis = 1> (h)", **SHAPES)
    assert reasons(coupling)["a", 0] == "ArgMax (y) compares all of its positions"


def test_sums_along_an_axis_need_all_of_it() -> None:
    body = "h = Conv(x, a)\n p = CumSum(h, axis)\n y = Conv(p, b)"
    shapes = {**SHAPES, "b": (2, 3, 1, 1)}
    over = {axis: coupled(body, ["a", "b"], **shapes, axis=np.array(axis)) for axis in (1, 2)}
    assert reasons(over[1])["a", 0] == "CumSum (p) sums along it"
    assert len(over[2].groups) == 1
