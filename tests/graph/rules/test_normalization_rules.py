import numpy as np
import pytest
from coupled_graphs import coupled, facts_of, groups, reasons

FOUR = [[0], [1], [2], [3]]


def test_four_numbers_of_a_batch_norm_go_with_each_channel() -> None:
    found = groups(
        "h = Conv(x, a)\n n = BatchNormalization(h, s, b, m, v)\n y = Conv(n, c)",
        x=(1, 2, 3, 3),
        a=(4, 2, 1, 1),
        s=(4,),
        b=(4,),
        m=(4,),
        v=(4,),
        c=(2, 4, 1, 1),
    )
    vectors = {(name, 0): FOUR for name in "sbmv"}
    assert found == {"a": {("a", 0): FOUR, **vectors, ("c", 1): FOUR}}


def test_a_batch_norm_that_still_learns_averages_over_examples_and_places() -> None:
    shapes = {"x": (2, 4, 3), "s": (4,), "b": (4,), "m": (4,), "v": (4,), "y": (2, 4, 3)}
    evaluating = facts_of("y = BatchNormalization(x, s, b, m, v)", shapes)
    learning = facts_of("y = BatchNormalization <training_mode = 1> (x, s, b, m, v)", shapes)
    assert learning - evaluating == set()  # the graph's outputs and inputs are fixed anyway
    inner = {**shapes, "z": (2, 4, 3)}
    evaluating = facts_of("z = BatchNormalization(x, s, b, m, v)", inner)
    learning = facts_of("z = BatchNormalization <training_mode = 1> (x, s, b, m, v)", inner)
    assert learning - evaluating == {("fixed", ("z", 0)), ("fixed", ("z", 2))}


def test_a_layer_norm_keeps_what_it_averages_over() -> None:
    coupling = coupled(
        "h = MatMul(x, a)\n n = LayerNormalization(h, ln__weight, ln__bias)\n y = MatMul(n, c)",
        x=(2, 2),
        a=(2, 4),
        ln__weight=(4,),
        ln__bias=(4,),
        c=(4, 2),
    )
    assert not coupling.groups
    assert reasons(coupling)["a", 1] == "LayerNormalization (ln) averages over it"
    assert reasons(coupling)["c", 0] == "LayerNormalization (ln) averages over it"


def test_a_layer_norm_passes_the_axes_before() -> None:
    """(N, C, T) with averages over T only."""
    found = groups(
        "h = Conv(x, a)\n n = LayerNormalization(h, s)\n y = Conv(n, c)",
        x=(1, 2, 5),
        a=(4, 2, 1),
        s=(5,),
        c=(2, 4, 1),
    )
    assert found == {"a": {("a", 0): FOUR, ("c", 1): FOUR}}


def test_an_instance_norm_passes_channels() -> None:
    found = groups(
        "h = Conv(x, a)\n n = InstanceNormalization(h, s, b)\n y = Conv(n, c)",
        x=(1, 2, 3, 3),
        a=(4, 2, 1, 1),
        s=(4,),
        b=(4,),
        c=(2, 4, 1, 1),
    )
    assert found == {"a": {("a", 0): FOUR, ("s", 0): FOUR, ("b", 0): FOUR, ("c", 1): FOUR}}


def test_whole_groups_of_a_group_norm_go() -> None:
    """6 channels in 3 groups: channels 0 and 1 are averaged together, so they go together."""
    found = groups(
        "h = Conv(x, a)\n n = GroupNormalization <num_groups = 3> (h, s, b)\n y = Conv(n, c)",
        x=(1, 2, 3, 3),
        a=(6, 2, 1, 1),
        s=(6,),
        b=(6,),
        c=(2, 6, 1, 1),
    )
    pairs = [[0, 1], [2, 3], [4, 5]]
    assert found == {"a": {("a", 0): pairs, ("s", 0): pairs, ("b", 0): pairs, ("c", 1): pairs}}


def test_a_group_norm_as_pytorch_exports_it() -> None:
    """Reshape to (N, 3, -1), InstanceNormalization with constants of 3, Reshape back, scale."""
    found = groups(
        "h = Conv(x, a)\n r = Reshape(h, apart)\n n = InstanceNormalization(r, ones, zeros)\n"
        "t = Reshape(n, back)\n u = Mul(t, s)\n y = Conv(u, c)",
        ["a", "s", "c"],
        x=(1, 2, 3, 3),
        a=(6, 2, 1, 1),
        apart=np.array([1, 3, -1]),
        ones=np.ones(3, np.float32),
        zeros=np.zeros(3, np.float32),
        back=np.array([1, 6, 3, 3]),
        s=(6, 1, 1),
        c=(2, 6, 1, 1),
    )
    pairs = [[0, 1], [2, 3], [4, 5]]
    assert found == {"a": {("a", 0): pairs, ("s", 0): pairs, ("c", 1): pairs}}


def test_one_group_of_a_group_norm_cannot_go() -> None:
    """All channels are one unit, and one unit must stay: there is no group of channels to remove."""
    coupling = coupled(
        "h = Conv(x, a)\n n = GroupNormalization <num_groups = 1> (h, s, b)\n y = Conv(n, c)",
        x=(1, 2, 3, 3),
        a=(4, 2, 1, 1),
        s=(4,),
        b=(4,),
        c=(2, 4, 1, 1),
    )
    assert not coupling.groups
    assert reasons(coupling)["a", 0] == "GroupNormalization (n) averages over it"


def test_a_root_mean_square_norm_as_exported_keeps_what_it_averages_over() -> None:
    coupling = coupled(
        "h = MatMul(x, a)\n p = Mul(h, h)\n m = ReduceMean(p, last)\n s = Sqrt(m)\n n = Div(h, s)\n"
        "w = Mul(n, g)\n y = MatMul(w, c)",
        ["a", "g", "c"],
        x=(2, 2),
        a=(2, 4),
        last=np.array([-1]),
        g=(4,),
        c=(4, 2),
    )
    assert reasons(coupling)["a", 1] == "ReduceMean (m) averages over it"


@pytest.mark.parametrize("operator", ["Softmax", "LogSoftmax", "LpNormalization"])
def test_positions_that_compete_stay(operator: str) -> None:
    body = f"h = Conv(x, a)\n n = {operator} <axis = {{}}> (h)\n y = Conv(n, c)"
    shapes = {"x": (1, 2, 5), "a": (4, 2, 1), "c": (2, 4, 1)}
    assert groups(body.format(2), **shapes) == {"a": {("a", 0): FOUR, ("c", 1): FOUR}}
    assert (
        reasons(coupled(body.format(1), **shapes))["a", 0] == f"{operator} (n) compares all of its positions"
    )


def test_a_local_response_norm_mixes_neighbours() -> None:
    coupling = coupled(
        "h = Conv(x, a)\n n = LRN <size = 3> (h)\n y = Conv(n, c)",
        x=(1, 2, 3, 3),
        a=(4, 2, 1, 1),
        c=(2, 4, 1, 1),
    )
    assert reasons(coupling)["a", 0] == "LRN (n) mixes neighbouring channels"


def test_mean_and_variance_over_given_axes() -> None:
    """Only the facts are looked at: of a channel that is zero, as a masked one is, it makes 0 / 0."""
    shapes = {"x": (2, 4, 3, 3), "z": (2, 4, 3, 3)}
    usual = facts_of("z = MeanVarianceNormalization(x)", shapes)
    assert [("fixed", ("z", i)) in usual for i in range(4)] == [True, False, True, True]
    channels = facts_of("z = MeanVarianceNormalization <axes = [1]> (x)", shapes)
    assert [("fixed", ("z", i)) in channels for i in range(4)] == [False, True, False, False]
