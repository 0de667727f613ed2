"""How are the numbers of the pruned network made fewer or coarser? The options of the stage after it."""

import math
from dataclasses import dataclass, field
from typing import Literal

from secateur.errors import RecipeError
from secateur.quantize import Codebook, Method
from secateur.recipe.options import Recovery


@dataclass(frozen=True)
class Compression:
    """Share or quantise the weights that are left, then train what can still move.

    Removed weights stay zero. What costs more than `max_drop` is undone, and the report says so.

    Attributes:
        method: with fewer or coarser numbers, how is a weight written?
        recovery: training under the method, with the dense original as teacher; 0 steps do without.
        max_drop: how much worse the yardstick may get by this stage, in its own unit: 0.005 is half a
            point of a proportion. Judged where checkpoints are chosen.
        vectors: the type that biases and normalisation are rounded to. They are few, but beside weights
            of two or three bits, four bytes for each of them would be a good part of the file.
        skip: shell-style name patterns of weights that keep their precision.
    """

    method: Method = field(default_factory=Codebook)
    recovery: Recovery = field(default_factory=lambda: Recovery(steps=300, evaluate_every=50))
    max_drop: float = 0.005
    vectors: Literal["bfloat16", "float16", "float32"] = "bfloat16"
    skip: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.method, (str, type)):
            raise RecipeError(f"method = {self.method!r}: expected an object, such as {Codebook()}.")
        if not 0 <= self.max_drop < math.inf:
            raise RecipeError(f"max_drop = {self.max_drop}: expected a finite number, 0 or more.")
        if self.vectors not in ("bfloat16", "float16", "float32"):
            raise RecipeError(f"vectors = {self.vectors!r} is unknown. Known: bfloat16, float16, float32.")
        if isinstance(self.skip, str):
            raise RecipeError(f"skip = {self.skip!r}: expected a tuple of texts, such as ({self.skip!r},).")
