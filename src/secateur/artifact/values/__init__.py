"""How are the stored words of a tensor written?

To add an answer: write a class with the methods of `Values`, and register it in `VALUES`. Writer
and reader, and the tests, go through that table.
"""

from secateur.artifact.values.codebook import Codebook
from secateur.artifact.values.grid import Grid
from secateur.artifact.values.plain import Planes, Whole
from secateur.artifact.values.protocol import Stored, Values

VALUES: dict[str, type[Values]] = {"words": Whole, "planes": Planes, "codebook": Codebook, "grid": Grid}

__all__ = ["VALUES", "Stored", "Values"]
