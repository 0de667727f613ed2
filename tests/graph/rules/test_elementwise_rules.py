import numpy as np
import pytest
from coupled_graphs import coupled, groups, reasons

THREE = [[0], [1], [2]]


@pytest.mark.parametrize("operator", ["Relu", "Sigmoid", "Gelu", "Tanh", "Identity", "HardSwish", "Abs"])
def test_activations_pass_channels(operator: str) -> None:
    """Sigmoid of a masked channel is 0.5, which the masked columns of the next layer do not read."""
    found = groups(f"h = MatMul(x, a)\n r = {operator}(h)\n y = MatMul(r, b)", x=(2, 2), a=(2, 3), b=(3, 2))
    assert found == {"a": {("a", 1): THREE, ("b", 0): THREE}}


def test_a_sum_couples_both_makers() -> None:
    found = groups(
        "h = Conv(x, a)\n i = Conv(x, b)\n s = Add(h, i)\n y = Conv(s, c)",
        x=(1, 2, 4, 4),
        a=(3, 2, 1, 1),
        b=(3, 2, 1, 1),
        c=(2, 3, 1, 1),
    )
    assert found == {"a": {("a", 0): THREE, ("b", 0): THREE, ("c", 1): THREE}}


def test_a_bias_that_is_broadcast_is_aligned_from_the_last_axis() -> None:
    found = groups(
        "h = Conv(x, a)\n s = Add(h, b)\n t = Mul(s, g)\n y = Conv(t, c)",
        x=(1, 2, 4, 4),
        a=(3, 2, 1, 1),
        b=(3, 1, 1),
        g=(1,),
        c=(2, 3, 1, 1),
    )
    assert found == {"a": {("a", 0): THREE, ("b", 0): THREE, ("c", 1): THREE}}


def test_a_gate_of_one_channel_couples_nothing() -> None:
    """(N, 1, H, W) times (N, 3, H, W): the gate has no channel to lose."""
    found = groups(
        "h = Conv(x, a)\n g = Conv(x, b)\n s = Mul(h, g)\n y = Conv(s, c)",
        x=(1, 2, 4, 4),
        a=(3, 2, 1, 1),
        b=(1, 2, 1, 1),
        c=(2, 3, 1, 1),
    )
    assert found == {"a": {("a", 0): THREE, ("c", 1): THREE}}


def test_slopes_of_prelu_go_with_their_channels() -> None:
    found = groups(
        "h = Conv(x, a)\n p = PRelu(h, s)\n y = Conv(p, c)",
        x=(1, 2, 4, 4),
        a=(3, 2, 1, 1),
        s=(3, 1, 1),
        c=(2, 3, 1, 1),
    )
    assert found == {"a": {("a", 0): THREE, ("s", 0): THREE, ("c", 1): THREE}}


def test_where_couples_all_three() -> None:
    found = groups(
        "h = MatMul(x, a)\n i = MatMul(x, b)\n p = Greater(h, i)\n w = Where(p, h, i)\n y = MatMul(w, c)",
        x=(2, 2),
        a=(2, 3),
        b=(2, 3),
        c=(3, 2),
    )
    assert found == {"a": {("a", 1): THREE, ("b", 1): THREE, ("c", 0): THREE}}


def test_a_constant_of_the_code_can_shrink_only_where_its_positions_are_alike() -> None:
    body = "h = MatMul(x, a)\n s = Add(h, k)\n y = MatMul(s, b)"
    even, uneven = np.full(3, 0.5, np.float32), np.array([0.5, 0.5, 0.6], np.float32)
    assert "a" in groups(body, ["a", "b"], x=(2, 2), a=(2, 3), k=even, b=(3, 2))
    coupling = coupled(body, ["a", "b"], x=(2, 2), a=(2, 3), k=uneven, b=(3, 2))
    assert not coupling.groups
    assert reasons(coupling)["a", 1] == "k is a constant of forward()"
