"""How is each operator written? One file for each family of operators, one table."""

from collections.abc import Callable

from secateur.emit.expressions import Expr
from secateur.emit.rules import (
    activations,
    arithmetic,
    attention,
    axes,
    extents,
    indexing,
    layers,
    normalization,
    pooling,
    recurrent,
    reductions,
)
from secateur.emit.site import Several, Site

RULES: dict[str, Callable[[Site], Expr | Several]] = {
    **activations.RULES,
    **arithmetic.RULES,
    **attention.RULES,
    **axes.RULES,
    **extents.RULES,
    **indexing.RULES,
    **layers.RULES,
    **normalization.RULES,
    **pooling.RULES,
    **recurrent.RULES,
    **reductions.RULES,
}
"""Operator -> the code of its first output, or of several."""
