"""Which layers do the pieces of a graph make up? One file for each family, one table."""

from collections.abc import Callable, Sequence

import onnx_ir

from secateur.emit.rewrites import activations, attention, indexing, linear, norms, recurrent

Join = Callable[[onnx_ir.Node], bool]
"""Puts one node for several, where they are what it looks for; whether they were."""

PASSES: Sequence[Sequence[Join]] = (
    (activations.drop_,),
    (
        activations.join_gelu_,
        activations.join_silu_,
        activations.join_root_,
        indexing.join_pick_,
        linear.join_,
        norms.join_group_norm_,
        attention.join_swap_,
        attention.join_attention_,
        recurrent.join_layer_,
    ),
    (recurrent.join_layers_,),
    (recurrent.join_batch_first_,),
)


def join_(model: onnx_ir.Model) -> None:
    """Rewrite the graph in place; ONNX does not know what comes out."""
    from onnx_ir.passes import common

    for joins in PASSES:
        for node in list(model.graph):
            if node.graph is not None and not node.domain:
                any(join(node) for join in joins)
        common.IdentityEliminationPass()(model)
    common.RemoveUnusedNodesPass()(model)
