"""In which shape do weights go? Each pattern is one file, registered here.

`PATTERNS` maps the names that recipes use to the classes; the contract tests loop over it.
"""

from secateur.core.protocols import CoupledPattern, Pattern
from secateur.patterns.blocks import Blocks
from secateur.patterns.channels import Channels, Heads
from secateur.patterns.elements import Elements
from secateur.patterns.layers import Layers
from secateur.patterns.n_of_m import NofM

PATTERNS: dict[str, type[Pattern] | type[CoupledPattern]] = {
    "elements": Elements,
    "n_of_m": NofM,
    "blocks": Blocks,
    "channels": Channels,
    "heads": Heads,
    "layers": Layers,
}

__all__ = ["PATTERNS", "Blocks", "Channels", "Elements", "Heads", "Layers", "NofM"]
