"""What does each operator say about the axes of its values? One file per family, one table.

An operator without a rule fixes every axis it touches: what is not understood is not cut.
"""

from secateur.graph.relations import Rule
from secateur.graph.rules.attention import ATTENTION
from secateur.graph.rules.convolution import CONVOLUTION
from secateur.graph.rules.elementwise import ELEMENTWISE
from secateur.graph.rules.indexing import INDEXING
from secateur.graph.rules.layout import LAYOUT
from secateur.graph.rules.normalization import NORMALIZATION
from secateur.graph.rules.places import PLACES
from secateur.graph.rules.pooling import POOLING
from secateur.graph.rules.product import PRODUCT
from secateur.graph.rules.recurrent import RECURRENT
from secateur.graph.rules.reduction import REDUCTION
from secateur.graph.rules.shapes import SHAPES

RULES: dict[str, Rule] = {
    **ATTENTION,
    **CONVOLUTION,
    **ELEMENTWISE,
    **INDEXING,
    **LAYOUT,
    **NORMALIZATION,
    **PLACES,
    **POOLING,
    **PRODUCT,
    **RECURRENT,
    **REDUCTION,
    **SHAPES,
}
"""Operator of the ONNX standard -> its rule."""

__all__ = ["RULES"]
