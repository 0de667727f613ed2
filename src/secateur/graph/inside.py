"""Which block of a network does an operator without weights belong to?

To the block whose weights come last on every way from the inputs to it: queries, keys and values are made by
weights of their own block. Where one of them is not, say a state that is kept over blocks, the operator
belongs to none.
"""

from collections.abc import Collection, Mapping

import onnx_ir

Owners = frozenset[str | None]
"""Blocks of the weights that were met last, None for weights outside of all blocks."""


def inside(graph: onnx_ir.Model, blocks: Collection[str], parameters: Mapping[str, str]) -> dict[str, str]:
    """Node -> the block that it goes with, for nodes that belong to one.

    Args:
        graph: of the network.
        blocks: paths of modules.
        parameters: name of an initializer -> path of the parameter that it is.
    """
    last: dict[onnx_ir.Value, Owners] = {value: frozenset() for value in graph.graph.inputs}
    weights: dict[onnx_ir.Value, Owners] = {
        value: frozenset({_block(parameters[name], blocks)}) if name in parameters else frozenset()
        for name, value in graph.graph.initializers.items()
    }
    found = {}
    for node in graph.graph:
        own = frozenset[str | None]().union(*(weights.get(v, ()) for v in node.inputs if v is not None))
        if all(value in weights for value in node.inputs if value is not None):
            weights |= dict.fromkeys(node.outputs, own)
            continue
        reached = own or own.union(*(last.get(v, ()) for v in node.inputs if v is not None))
        last |= dict.fromkeys(node.outputs, reached)
        if len(reached) == 1 and (name := next(iter(reached))) is not None:
            found[node.name or ""] = name
    return found


def _block(path: str, blocks: Collection[str]) -> str | None:
    """The block that a parameter is in."""
    while path and path not in blocks:
        path = path.rpartition(".")[0]
    return path or None
