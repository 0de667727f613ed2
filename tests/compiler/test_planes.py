"""Where planes of images start."""

from dataclasses import replace

import pytest

from secateur.compiler.shapes import pitch_of
from secateur.compiler.targets import target_of


@pytest.mark.parametrize(
    ("pixels", "vector", "expected"),
    [
        (49, 8, 56),  # whole vectors
        (784, 8, 784),
        (256, 8, 272),  # planes a kilobyte apart would share a few sets of the first cache
        (112 * 112, 16, 112 * 112 + 16),
        (250, 8, 272),
        (256, 1, 256),  # no cache to speak of, and no byte to waste
    ],
)
def test_planes_start_at_whole_vectors_and_not_a_kilobyte_apart(
    pixels: int, vector: int, expected: int
) -> None:
    assert pitch_of(pixels, replace(target_of("x86-64-v3"), pitch=vector)) == expected
