"""Which numbers are rounded to a grid, as int8 networks in ONNX's QDQ form say it?

They are computed in single precision here, on the grid's points.
"""

import numpy as np
import onnx_ir
from numpy.typing import NDArray
from onnx_ir import tape

from secateur.compiler.passes.match import constant, scalar, shape_, sizes

LIMITS = {onnx_ir.DataType.INT8: (-128, 127), onnx_ir.DataType.UINT8: (0, 255)}


def round_to_grids_(graph: onnx_ir.Model) -> None:
    """DequantizeLinear(QuantizeLinear(x)), of one scale for all: Div, Round, Clip, Mul."""
    for node in list(graph.graph):
        if node.op_type == "DequantizeLinear":
            _read_before_padding_(graph, node)
    for node in list(graph.graph):
        if node.op_type != "DequantizeLinear" or _fold_(graph, node):
            continue
        rounding = node.inputs[0].producer() if node.inputs[0] is not None else None
        if rounding is None or rounding.op_type != "QuantizeLinear":
            continue
        ends = _ends(rounding, node)
        if ends is None:
            continue
        build = tape.Tape(graph.graph)
        answer = _rounded(build, rounding, node, ends)
        graph.graph.insert_before(node, build.nodes)
        node.outputs[0].replace_all_uses_with(answer, replace_graph_outputs=True)
        answer.name = node.outputs[0].name
        graph.graph.remove(node, safe=True)


def _fold_(graph: onnx_ir.Model, reading: onnx_ir.Node) -> bool:
    """Constant bytes become constant numbers, which folding leaves in older opsets. Whether they are."""
    numbers = _dequantized(reading)
    if numbers is None:
        return False
    value = onnx_ir.val(f"{reading.outputs[0].name}.known", const_value=onnx_ir.tensor(numbers))
    graph.graph.register_initializer(value)
    reading.outputs[0].replace_all_uses_with(value)
    graph.graph.remove(reading, safe=True)
    return True


def _dequantized(node: onnx_ir.Node) -> NDArray[np.float32] | None:
    """The numbers of constant bytes; None where they are computed, or have scales for blocks."""
    given = [constant(value) for value in node.inputs]
    known = [array for array in given if array is not None]
    if len(known) < len(given) or "block_size" in node.attributes:
        return None
    stored, *grid = known
    wide = [1] * stored.ndim
    if grid[0].size > 1:
        wide[node.attributes.get_int("axis", 1)] = -1
    scale, *zero = (array.reshape(wide) for array in grid)
    from_zero = stored.astype(np.int32) - (zero[0].astype(np.int32) if zero else 0)
    found: NDArray[np.float32] = from_zero.astype(np.float32) * scale.astype(np.float32)
    return found


def _read_before_padding_(graph: onnx_ir.Model, reading: onnx_ir.Node) -> None:
    """DequantizeLinear(Pad(bytes)) -> Pad(DequantizeLinear(bytes)), as `quantize/onnx/channels.py` pads."""
    padding = reading.inputs[0].producer() if reading.inputs[0] is not None else None
    step, zero = (scalar(value, 0) for value in [*reading.inputs[1:], None][:2])
    if padding is None or padding.op_type != "Pad" or len(padding.inputs) > 2 or step is None or zero is None:
        return
    if padding.attributes.get_string("mode", "constant") != "constant":
        return
    build = tape.Tape(graph.graph)
    stored = padding.inputs[0]
    floats = build.op("DequantizeLinear", [stored, *reading.inputs[1:]])
    shape_(floats, sizes(stored), reading.outputs[0])
    name = reading.outputs[0].name
    outside = build.initializer(onnx_ir.tensor(np.array(-zero * step, np.float32)), name=f"{name}.outside")
    answer = build.op("Pad", [floats, padding.inputs[1], outside])
    shape_(answer, sizes(reading.outputs[0]), reading.outputs[0])
    graph.graph.insert_before(reading, build.nodes)
    reading.outputs[0].replace_all_uses_with(answer, replace_graph_outputs=True)
    answer.name = name
    graph.graph.remove(reading, safe=True)


def _ends(rounding: onnx_ir.Node, reading: onnx_ir.Node) -> tuple[float, float] | None:
    """The grid's first and last number, in steps; None where the two differ, or it is not one grid."""
    known = [[scalar(value, 0) for value in [*node.inputs[1:], None][:2]] for node in (rounding, reading)]
    kind = _stored(rounding)
    if known[0] != known[1] or None in known[0] or kind not in LIMITS:
        return None
    zero = known[0][1] or 0.0
    return LIMITS[kind][0] - zero, LIMITS[kind][1] - zero


def _stored(rounding: onnx_ir.Node) -> onnx_ir.DataType | None:
    """The type that QuantizeLinear answers: of its zero point, else `output_dtype` (since opset 21)."""
    zero = rounding.inputs[2] if len(rounding.inputs) > 2 else None
    if zero is not None:
        return zero.dtype
    return onnx_ir.DataType(rounding.attributes.get_int("output_dtype", 0) or onnx_ir.DataType.UINT8)


def _rounded(
    build: tape.Tape, rounding: onnx_ir.Node, reading: onnx_ir.Node, ends: tuple[float, float]
) -> onnx_ir.Value:
    x, scale, name = rounding.inputs[0], constant(rounding.inputs[1]), reading.outputs[0].name
    assert x is not None, "a node has an input"
    step, low, high = (
        build.initializer(onnx_ir.tensor(np.array(number, np.float32).reshape(())), name=f"{name}.{what}")
        for what, number in (("step", np.asarray(scale).reshape(-1)[0]), ("low", ends[0]), ("high", ends[1]))
    )
    answer = x
    for kind, others in (("Div", [step]), ("Round", []), ("Clip", [low, high]), ("Mul", [step])):
        answer = build.op(kind, [answer, *others])
        shape_(answer, sizes(x), x)
    return answer
