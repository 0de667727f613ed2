"""In which shape do weights go? Each pattern is one file, registered here.

`PATTERNS` maps the names that recipes use to the classes; the contract tests loop over it.
"""

from secateur.core.protocols import Pattern
from secateur.patterns.blocks import Blocks
from secateur.patterns.elements import Elements
from secateur.patterns.n_of_m import NofM

PATTERNS: dict[str, type[Pattern]] = {"elements": Elements, "n_of_m": NofM, "blocks": Blocks}

__all__ = ["PATTERNS", "Blocks", "Elements", "NofM"]
