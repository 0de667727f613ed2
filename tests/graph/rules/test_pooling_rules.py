import numpy as np
import pytest
from coupled_graphs import coupled, facts_of, groups, reasons

SHAPES = {"x": (1, 2, 4, 4), "a": (3, 2, 1, 1), "b": (2, 3, 1, 1)}
FOUND = {"a": {("a", 0): [[0], [1], [2]], ("b", 1): [[0], [1], [2]]}}


@pytest.mark.parametrize(
    "pool",
    [
        "MaxPool <kernel_shape = [2, 2]>",
        "AveragePool <kernel_shape = [2, 2]>",
        "GlobalAveragePool",
        "GlobalMaxPool",
        "LpPool <kernel_shape = [2, 2]>",
    ],
)
def test_channels_are_pooled_one_by_one(pool: str) -> None:
    assert groups(f"h = Conv(x, a)\n p = {pool} (h)\n y = Conv(p, b)", **SHAPES) == FOUND


def test_numbers_of_the_largest_positions_run_over_all_channels() -> None:
    coupling = coupled(
        "h = Conv(x, a)\n p, y2 = MaxPool <kernel_shape = [2, 2]> (h)\n y = Conv(p, b)", **SHAPES
    )
    assert not coupling.groups
    facts = facts_of(
        "p, i = MaxPool <kernel_shape = [2, 2]> (x)",
        {"x": (1, 3, 4, 4), "p": (1, 3, 3, 3), "i": (1, 3, 3, 3)},
    )
    assert ("fixed", ("i", 1)) in facts


def test_a_resized_image_keeps_its_channels_apart() -> None:
    found = groups(
        "h = Conv(x, a)\n p = Resize(h, , scales)\n y = Conv(p, b)",
        ["a", "b"],
        **SHAPES,
        scales=np.array([1, 1, 2, 2], np.float32),
    )
    assert found == FOUND


def test_channels_that_are_resized_stay() -> None:
    coupling = coupled(
        "h = Conv(x, a)\n p = Resize(h, , scales)\n y = Conv(p, b)",
        ["a", "b"],
        x=(1, 2, 4),
        a=(3, 2, 1),
        b=(2, 6, 1),
        scales=np.array([1, 2, 1], np.float32),
    )
    assert reasons(coupling)["a", 0] == "Resize (p) resizes it"


def test_channels_pass_a_sampling_at_given_places() -> None:
    found = groups("h = Conv(x, a)\n p = GridSample(h, x2)\n y = Conv(p, b)", **SHAPES, x2=(1, 4, 4, 2))
    assert found == FOUND


def test_channels_that_say_where_to_look_stay() -> None:
    """Two channels of a convolution are the coordinates of the grid."""
    coupling = coupled(
        "g = Conv(x, a)\n t = Transpose <perm = [0, 2, 3, 1]> (g)\n y = GridSample(x, t)",
        x=(1, 3, 4, 4),
        a=(2, 3, 1, 1),
    )
    assert not coupling.groups
    assert reasons(coupling)["a", 0] == "GridSample (y) takes places from it"


def test_channels_pass_the_pooling_of_regions() -> None:
    """ONNX Runtime has none of this version, so only the facts are looked at."""
    shapes = {"x": (1, 3, 4, 4), "x2": (5, 4), "x3": (5,), "p": (5, 3, 2, 2)}
    facts = facts_of("p = RoiAlign <output_height = 2, output_width = 2> (x, x2, x3)", shapes)
    assert ("same", ("x", 1), ("p", 1)) in facts
    assert {("fixed", ("p", i)) for i in (0, 2, 3)} < facts
    assert ("fixed", ("p", 1)) not in facts
