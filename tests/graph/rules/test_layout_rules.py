import math

import numpy as np
import pytest
from coupled_graphs import Array, coupled, groups, reasons, told
from hypothesis import given
from hypothesis import strategies as st

from secateur.graph.rules.layout import common_factors


def whole(*numbers: int) -> Array:
    return np.array(numbers, np.int64)


def test_a_channel_owns_a_stretch_of_what_is_flattened() -> None:
    """(N, 3, 2, 2) becomes (N, 12): channel 1 is positions 4 to 7."""
    found = groups(
        "h = Conv(x, a)\n f = Flatten <axis = 1> (h)\n y = Gemm <transB = 1> (f, b)",
        x=(1, 2, 2, 2),
        a=(3, 2, 1, 1),
        b=(2, 12),
    )
    stretches = [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert found == {"a": {("a", 0): [[0], [1], [2]], ("b", 1): stretches}}


def test_a_channel_that_is_last_is_every_third_position() -> None:
    found = groups(
        "h = Conv(x, a)\n t = Transpose <perm = [0, 2, 3, 1]> (h)\n f = Flatten <axis = 1> (t)\n"
        "y = MatMul(f, b)",
        x=(1, 2, 2, 2),
        a=(3, 2, 1, 1),
        b=(12, 2),
    )
    assert found["a"]["b", 0] == [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8, 11]]


def test_heads_are_split_and_merged() -> None:
    """4 positions are 2 heads of 2; activations are multiplied head by head, so heads go."""
    found = groups(
        "q = MatMul(x, a)\n s = Reshape(q, split)\n t = Transpose <perm = [0, 2, 1, 3]> (s)\n"
        "u = Transpose <perm = [0, 2, 3, 1]> (s)\n p = MatMul(t, u)\n w = Softmax(p)\n o = MatMul(w, t)\n"
        "z = Transpose <perm = [0, 2, 1, 3]> (o)\n f = Reshape(z, merged)\n y = MatMul(f, b)",
        ["a", "b"],
        x=(1, 3, 2),
        a=(2, 4),
        split=whole(1, 3, 2, 2),
        merged=whole(1, 3, 4),
        b=(4, 2),
    )
    assert found == {"a": {("a", 1): [[0, 1], [2, 3]], ("b", 0): [[0, 1], [2, 3]]}}


def test_of_two_free_factors_the_longer_goes() -> None:
    coupling = coupled(
        "h = MatMul(x, a)\n r = Reshape(h, parts)\n s = Add(r, p)\n f = Reshape(s, flat)\n y = MatMul(f, b)",
        ["a", "p", "b"],
        x=(2, 2),
        a=(2, 6),
        parts=whole(2, 2, 3),
        p=(2, 3),
        flat=whole(2, 6),
        b=(6, 2),
    )
    pairs = [[0, 3], [1, 4], [2, 5]]
    (positions,) = told(coupling).values()
    assert positions == {("a", 1): pairs, ("p", 1): [[0], [1], [2]], ("b", 0): pairs}
    assert reasons(coupling)["p", 0] == "whole blocks, of which there are 3, go instead of a part of each"


def test_shuffled_channels_are_followed() -> None:
    """ShuffleNet: (2, 3) becomes (3, 2); what was 0 1 2 3 4 5 is 0 3 1 4 2 5."""
    found = groups(
        "h = Conv(x, a)\n r = Reshape(h, split)\n t = Transpose <perm = [0, 2, 1, 3, 4]> (r)\n"
        "f = Reshape(t, flat)\n y = Conv(f, b)",
        ["a", "b"],
        x=(1, 2, 2, 2),
        a=(6, 2, 1, 1),
        split=whole(1, 2, 3, 2, 2),
        flat=whole(1, 6, 2, 2),
        b=(2, 6, 1, 1),
    )
    assert found == {"a": {("a", 0): [[0, 3], [1, 4], [2, 5]], ("b", 1): [[0, 1], [2, 3], [4, 5]]}}


def test_shapes_without_common_factors_are_fixed() -> None:
    coupling = coupled(
        "h = MatMul(x, a)\n r = Reshape(h, other)\n y = MatMul(r, b)",
        ["a", "b"],
        x=(2, 2),
        a=(2, 9),
        other=whole(3, 6),
        b=(6, 2),
    )
    assert not coupling.groups
    assert reasons(coupling)["a", 1] == "Reshape (r) cuts across (2, 9)"


def test_axes_of_size_one_come_and_go() -> None:
    found = groups(
        "h = MatMul(x, a)\n u = Unsqueeze(h, places)\n s = Squeeze(u, places)\n y = MatMul(s, b)",
        ["a", "b"],
        x=(2, 2),
        a=(2, 3),
        places=whole(1, 3),
        b=(3, 2),
    )
    assert found == {"a": {("a", 1): [[0], [1], [2]], ("b", 0): [[0], [1], [2]]}}


def test_groups_of_heads_share_keys() -> None:
    """2 heads of keys are each repeated for 2 heads of queries: heads 0 and 1 go with keys 0."""
    found = groups(
        "q = MatMul(x, a)\n q4 = Reshape(q, four)\n qt = Transpose <perm = [0, 2, 1, 3]> (q4)\n"
        "k = MatMul(x, b)\n k2 = Reshape(k, two)\n kt = Transpose <perm = [0, 2, 3, 1]> (k2)\n"
        "ku = Unsqueeze(kt, place)\n ke = Expand(ku, again)\n kf = Reshape(ke, shared)\n"
        "p = MatMul(qt, kf)\n s = ReduceSum(p, last)\n f = Squeeze(s, last)\n"
        "g = Transpose <perm = [0, 2, 1]> (f)\n y = MatMul(g, c)",
        ["a", "b", "c"],
        x=(1, 3, 2),
        a=(2, 4),
        four=whole(1, 3, 4, 1),
        b=(2, 2),
        two=whole(1, 3, 2, 1),
        place=whole(2),
        again=whole(1, 2, 2, 1, 3),
        shared=whole(1, 4, 1, 3),
        last=whole(3),
        c=(4, 2),
    )
    pairs = [[0, 1], [2, 3]]
    assert found == {"a": {("a", 1): pairs, ("b", 1): [[0], [1]], ("c", 0): pairs}}


def test_what_is_repeated_goes_in_every_copy() -> None:
    found = groups(
        "h = MatMul(x, a)\n t = Tile(h, times)\n y = MatMul(t, b)",
        ["a", "b"],
        x=(2, 2),
        a=(2, 3),
        times=whole(1, 2),
        b=(6, 2),
    )
    assert found == {"a": {("a", 1): [[0], [1], [2]], ("b", 0): [[0, 3], [1, 4], [2, 5]]}}


def test_an_axis_that_expand_makes_keeps_its_size() -> None:
    coupling = coupled(
        "h = MatMul(x, a)\n e = Expand(h, shape)\n y = MatMul(e, b)",
        ["a", "b"],
        x=(2, 2),
        a=(2, 1),
        shape=whole(2, 3),
        b=(3, 2),
    )
    assert reasons(coupling)["b", 0] == "Expand (e) repeats 3 times"


@pytest.mark.parametrize(("mode", "channel_1"), [("CRD", [4, 5, 6, 7]), ("DCR", [1, 4, 7, 10])])
def test_a_pixel_shuffle_makes_one_channel_of_four(mode: str, channel_1: list[int]) -> None:
    found = groups(
        f'h = Conv(x, a)\n d = DepthToSpace <blocksize = 2, mode = "{mode}"> (h)\n y = Conv(d, b)',
        x=(1, 2, 2, 2),
        a=(12, 2, 1, 1),
        b=(2, 3, 1, 1),
    )
    assert found["a"]["a", 0][1] == channel_1
    assert found["a"]["b", 1] == [[0], [1], [2]]


def test_space_to_depth_repeats_each_channel_in_four_places() -> None:
    found = groups(
        "h = Conv(x, a)\n d = SpaceToDepth <blocksize = 2> (h)\n y = Conv(d, b)",
        x=(1, 2, 2, 2),
        a=(3, 2, 1, 1),
        b=(2, 12, 1, 1),
    )
    assert found["a"]["b", 1] == [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8, 11]]


@pytest.mark.parametrize(
    ("before", "after", "factors"),
    [
        ((12, 5), (3, 20), [3, 4, 5]),
        ((6,), (2, 3), [2, 3]),
        ((4, 4), (16,), [4, 4]),
        ((2, 9), (3, 6), None),
        ((1, 6), (6, 1), [6]),
    ],
)
def test_common_factors(before: tuple[int, ...], after: tuple[int, ...], factors: list[int] | None) -> None:
    drop = [n for n in before if n > 1], [n for n in after if n > 1]
    assert common_factors(*drop) == factors


@given(st.lists(st.integers(2, 5), min_size=1, max_size=5), st.data())
def test_factors_that_were_merged_in_two_ways_are_found(sizes: list[int], data: st.DataObject) -> None:
    """Both shapes are made of the same factors, so common ones exist, and both are products of them."""

    def merged() -> list[int]:
        cuts = data.draw(st.lists(st.booleans(), min_size=len(sizes) - 1, max_size=len(sizes) - 1))
        shape = [sizes[0]]
        for size, cut in zip(sizes[1:], cuts, strict=True):
            if cut:
                shape.append(size)
            else:
                shape[-1] *= size
        return shape

    before, after = merged(), merged()
    factors = common_factors(before, after)
    assert factors is not None
    for shape in (before, after):
        rest = list(factors)
        for size in shape:
            product = 1
            while product < size:
                product *= rest.pop(0)
            assert product == size
    assert math.prod(factors) == math.prod(sizes)
