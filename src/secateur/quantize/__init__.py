"""With fewer or coarser numbers, how is a weight written? Each method is one file, registered here.

`METHODS` maps the names that recipes use to the classes; the contract tests loop over it.
"""

from secateur.quantize.codebook import Codebook
from secateur.quantize.form import Method
from secateur.quantize.grid import Int8, WeightOnly
from secateur.quantize.half import Half

METHODS: dict[str, type[Method]] = {
    "codebook": Codebook,
    "half": Half,
    "int8": Int8,
    "weights": WeightOnly,
}

__all__ = ["METHODS", "Codebook", "Half", "Int8", "Method", "WeightOnly"]
