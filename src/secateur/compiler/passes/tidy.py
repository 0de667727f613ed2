"""Which nodes compute nothing, or nothing that anyone reads?"""

import onnx_ir
from onnx_ir.passes import common

NOTHING = ("Identity", "Dropout")


def tidy_(graph: onnx_ir.Model) -> None:
    """Remove them, and constants that nothing reads."""
    for node in list(graph.graph):
        value = node.inputs[0] if node.inputs else None
        if value is not None and node.op_type in NOTHING and _removable(node, value):
            node.outputs[0].replace_all_uses_with(value, replace_graph_outputs=True)
            graph.graph.remove(node, safe=True)
    common.RemoveUnusedNodesPass()(graph)
    for index, node in enumerate(graph.graph):
        node.name = node.name or f"{node.op_type}_{index}"


def _removable(node: onnx_ir.Node, value: onnx_ir.Value) -> bool:
    """Not where the graph would answer an input, a constant, or one value twice."""
    unread = all(not output.uses() and not output.is_graph_output() for output in node.outputs[1:])
    ends = value.is_graph_input() or value.is_initializer() or value.is_graph_output()
    return unread and not (node.outputs[0].is_graph_output() and ends)
