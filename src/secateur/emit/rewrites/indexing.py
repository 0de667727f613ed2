"""Which nodes pick one position along an axis? The exporter slices it off and squeezes the axis away."""

import numpy as np
import onnx_ir

from secateur.emit.rewrites.match import Value, made_by, put_


def join_pick_(node: onnx_ir.Node) -> bool:
    """Put Gather (x, position)."""
    piece = made_by(node.inputs[0], "Slice") if node.op_type == "Squeeze" else None
    if piece is None or len(node.inputs) < 2 or len(piece.inputs) < 4:
        return False
    starts, ends, axes, squeezed = (_number(value) for value in (*piece.inputs[1:4], node.inputs[1]))
    step = _number(piece.inputs[4]) if len(piece.inputs) > 4 else 1
    if starts is None or ends != starts + 1 or ends == 0 or axes is None or axes != squeezed or step != 1:
        return False
    tensor = onnx_ir.tensor(np.array(starts, np.int64))
    position = onnx_ir.Value(name=f"{node.name} position", const_value=tensor, shape=onnx_ir.Shape([]))
    assert node.graph is not None, "only nodes of a graph are joined"
    node.graph.register_initializer(position)
    put_(node, "Gather", [piece.inputs[0], position], {"axis": axes})
    return True


def _number(value: Value | None) -> int | None:
    if value is None or value.const_value is None or value.const_value.size != 1:
        return None
    return int(value.const_value.numpy().reshape(-1)[0])
