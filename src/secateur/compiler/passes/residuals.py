"""Which convolutions add the shortcut while their sum is still in a register?"""

import onnx_ir

from secateur.compiler.passes.match import absorb_, only_reader


def fuse_residuals_(graph: onnx_ir.Model) -> None:
    """Conv(x, w, b) + other -> Conv(x, w, b, other), where `other` has the output's shape."""
    order = {node: index for index, node in enumerate(graph.graph)}
    for add in [node for node in graph.graph if node.op_type == "Add"]:
        convs = [
            (order[maker], maker, other)
            for value, other in zip(add.inputs, add.inputs[::-1], strict=True)
            if value is not None and other is not None and value is not other
            for maker in [value.producer()]
            if maker is not None and _takes(maker, add) and value.shape == other.shape
            if other.const_value is None
        ]
        if convs:  # the later one: what it adds is there already
            _, conv, other = max(convs, key=lambda found: found[0])
            conv.resize_inputs(4)
            conv.replace_input_with(3, other)
            maker = other.producer()
            if maker is not None and order[maker] > order[conv]:
                assert conv.graph is not None, "nodes of a graph"
                conv.graph.remove(conv)
                add.graph.insert_before(add, conv)  # type: ignore[union-attr]
                order[conv] = order[add]
            absorb_(conv, add)


def _takes(node: onnx_ir.Node, add: onnx_ir.Node) -> bool:
    return node.op_type == "Conv" and only_reader(node.outputs[0]) is add and len(node.inputs) < 4
