import pytest
from coupled_graphs import coupled, facts_of, groups, reasons, told

ONE_BY_ONE = [[0], [1], [2], [3]]


def test_rows_of_a_convolution_are_the_columns_of_the_next() -> None:
    found = groups(
        "h = Conv(x, a, b)\n y = Conv(h, c)", x=(1, 2, 5, 5), a=(4, 2, 3, 3), b=(4,), c=(2, 4, 1, 1)
    )
    assert found == {"a": {("a", 0): ONE_BY_ONE, ("b", 0): ONE_BY_ONE, ("c", 1): ONE_BY_ONE}}


@pytest.mark.parametrize("places", [(5,), (5, 5), (5, 5, 5)])
def test_it_is_the_same_in_one_two_and_three_dimensions(places: tuple[int, ...]) -> None:
    kernel = (3,) * len(places)
    found = groups("h = Conv(x, a)\n y = Conv(h, b)", x=(1, 2, *places), a=(4, 2, *kernel), b=(2, 4, *kernel))
    assert found == {"a": {("a", 0): ONE_BY_ONE, ("b", 1): ONE_BY_ONE}}


def test_a_transposed_convolution_has_its_outputs_in_its_second_axis() -> None:
    found = groups(
        "h = ConvTranspose(x, a, b)\n y = ConvTranspose(h, c)",
        x=(1, 2, 3, 3),
        a=(2, 4, 3, 3),
        b=(4,),
        c=(4, 2, 1, 1),
    )
    assert found == {"a": {("a", 1): ONE_BY_ONE, ("b", 0): ONE_BY_ONE, ("c", 0): ONE_BY_ONE}}


def test_a_depthwise_convolution_loses_the_channels_that_go_through_it() -> None:
    found = groups(
        "h = Conv(x, a)\n d = Conv <group = 4> (h, b)\n y = Conv(d, c)",
        x=(1, 2, 3, 3),
        a=(4, 2, 1, 1),
        b=(4, 1, 3, 3),
        c=(2, 4, 1, 1),
    )
    assert found == {"a": {("a", 0): ONE_BY_ONE, ("b", 0): ONE_BY_ONE, ("c", 1): ONE_BY_ONE}}


def test_a_depthwise_multiplier_goes_with_its_channel() -> None:
    found = groups(
        "h = Conv(x, a)\n d = Conv <group = 3> (h, b)\n y = Conv(d, c)",
        x=(1, 2, 1, 1),
        a=(3, 2, 1, 1),
        b=(6, 1, 1, 1),
        c=(2, 6, 1, 1),
    )
    pairs = [[0, 1], [2, 3], [4, 5]]
    assert found == {"a": {("a", 0): [[0], [1], [2]], ("b", 0): pairs, ("c", 1): pairs}}


def test_few_groups_lose_the_same_channels_each() -> None:
    """Two groups of three inputs and two outputs: input 0 of both, input 1 of both, ..."""
    found = groups(
        "h = Conv(x, a)\n g = Conv <group = 2> (h, b)\n y = Conv(g, c)",
        x=(1, 2, 1, 1),
        a=(6, 2, 1, 1),
        b=(4, 3, 1, 1),
        c=(2, 4, 1, 1),
    )
    assert found == {
        "a": {("a", 0): [[0, 3], [1, 4], [2, 5]], ("b", 1): [[0], [1], [2]]},
        "b": {("b", 0): [[0, 2], [1, 3]], ("c", 1): [[0, 2], [1, 3]]},
    }


def test_many_groups_go_whole() -> None:
    coupling = coupled(
        "h = Conv(x, a)\n g = Conv <group = 8> (h, b)\n y = Conv(g, c)",
        x=(1, 2, 1, 1),
        a=(16, 2, 1, 1),
        b=(24, 2, 1, 1),
        c=(2, 24, 1, 1),
    )
    (group,) = told(coupling).values()
    assert [len(positions) for positions in group.values()] == [8, 8, 8]
    assert group["a", 0][1] == [2, 3]
    assert group["b", 0][1] == group["c", 1][1] == [3, 4, 5]
    assert reasons(coupling)["b", 1] == "Conv (g) loses whole groups, of which there are 8"


def test_groups_of_a_transposed_convolution_lie_along_its_first_axis() -> None:
    found = groups(
        "h = Conv(x, a)\n g = ConvTranspose <group = 2> (h, b)\n y = Conv(g, c)",
        x=(1, 2, 1, 1),
        a=(6, 2, 1, 1),
        b=(6, 2, 1, 1),
        c=(2, 4, 1, 1),
    )
    halves = [[0, 3], [1, 4], [2, 5]]
    assert found == {
        "a": {("a", 0): halves, ("b", 0): halves},
        "b": {("b", 1): [[0], [1]], ("c", 1): [[0, 2], [1, 3]]},
    }


def test_a_convolution_along_the_channels_fixes_them() -> None:
    """As efficient channel attention does it: (N, C, 1) becomes (N, 1, C)."""
    coupling = coupled(
        "h = Conv(x, a)\n t = Transpose <perm = [0, 2, 1]> (h)\n s = Conv <pads = [1, 1]> (t, k)\n"
        "u = Transpose <perm = [0, 2, 1]> (s)\n m = Mul(h, u)\n y = Conv(m, c)",
        x=(1, 2, 1),
        a=(4, 2, 1),
        k=(1, 1, 3),
        c=(2, 4, 1),
    )
    assert not coupling.groups
    assert reasons(coupling)["a", 0] == "Conv (s) slides a kernel along it"
    assert reasons(coupling)["a", 1] == "x is an input of the network"
    assert reasons(coupling)["c", 0] == "y is an output of the network"


def test_a_deformable_convolution_is_a_convolution_whose_offsets_stay() -> None:
    """ONNX Runtime has none on this processor, so only the facts are looked at."""
    facts = facts_of(
        "y = DeformConv <offset_group = 2> (x, w, x2)",
        {"x": (1, 4, 5, 5), "w": (6, 4, 3, 3), "x2": (1, 36, 3, 3), "y": (1, 6, 3, 3)},
    )
    assert ("same", ("x", 1), ("w", 1)) in facts
    assert ("same", ("y", 1), ("w", 0)) in facts
    assert ("fixed", ("x2", 1)) in facts
    assert ("product", ("x", 1), (2, 2)) in facts
