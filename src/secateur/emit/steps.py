"""Which assignments compute the outputs of a graph?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import onnx_ir

from secateur.emit.expressions import Expr, Local, Variable, attribute, local, pieces_of, subscript
from secateur.emit.rules import RULES
from secateur.emit.site import DEVICE, Book, Several, Site, Targets

Target: TypeAlias = Targets | tuple["size", str]


@dataclass(frozen=True)
class Step:
    """`first, (second, third) = code`, where each target is the list of how it nests."""
