"""Which layers pad their input themselves, so that no padded copy is made?"""

import numpy as np
import onnx_ir

from secateur.compiler.passes.match import constant, only_reader, scalar

NOT_NEGATIVE = ("Relu", "Sigmoid", "Softplus", "Abs")


def fold_pads_(graph: onnx_ir.Model) -> None:
    """A Pad whose only reader is a convolution or a pooling that would read the same: as its attribute."""
    for node in list(graph.graph):
        layer = only_reader(node.outputs[0]) if node.op_type == "Pad" else None
        added = None if layer is None else _added(node)
        if layer is None or added is None or not _same(node, layer):
            continue
        axes = len(added) // 2
        pads = layer.attributes["pads"].as_ints() if "pads" in layer.attributes else [0] * (2 * axes)
        layer.attributes.add(onnx_ir.AttrInt64s("pads", [a + b for a, b in zip(pads, added, strict=True)]))
        if layer.op_type == "AveragePool":
            layer.attributes.add(onnx_ir.AttrInt64("count_include_pad", 1))
        layer.replace_input_with(0, node.inputs[0])
        graph.graph.remove(node, safe=True)


def _added(node: onnx_ir.Node) -> list[int] | None:
    """Before and behind each axis after the channels; None where others are padded, or sizes are cut."""
    value = node.inputs[0]
    given = constant(node.inputs[1]) if len(node.inputs) > 1 else None
    if value is None or value.shape is None or given is None:
        return None
    rank = len(value.shape)
    named = constant(node.inputs[3]) if len(node.inputs) > 3 else np.arange(rank)
    if named is None:
        return None
    added = np.zeros((2, rank), np.int64)
    added[:, named % rank] = given.reshape(2, -1)
    spatial = not added[:, :2].any() and (added >= 0).all() and rank > 2
    return [int(size) for size in added[:, 2:].reshape(-1)] if spatial else None


def _same(pad: onnx_ir.Node, layer: onnx_ir.Node) -> bool:
    """Whether the layer reads beyond its input what the Pad puts there."""
    value = scalar(pad.inputs[2] if len(pad.inputs) > 2 else None, 0.0)
    automatic = "auto_pad" in layer.attributes and layer.attributes["auto_pad"].as_string() != "NOTSET"
    if _text(pad, "mode", "constant") != "constant" or automatic or layer.inputs[0] is not pad.outputs[0]:
        return False
    if layer.op_type == "Conv":
        return value == 0
    if layer.op_type == "AveragePool":
        own = "pads" in layer.attributes and any(layer.attributes["pads"].as_ints())
        return (
            value == 0
            and not _number(layer, "ceil_mode")
            and (not own or bool(_number(layer, "count_include_pad")))
        )
    return layer.op_type == "MaxPool" and _never_largest(value, pad) and _sees_image(pad, layer)


def _never_largest(value: float | None, pad: onnx_ir.Node) -> bool:
    """A maximum does not see -infinity, nor 0 among numbers that are not negative."""
    source = pad.inputs[0]
    maker = None if source is None else source.producer()
    return value == -np.inf or (value == 0 and maker is not None and maker.op_type in NOT_NEGATIVE)


def _sees_image(pad: onnx_ir.Node, pool: onnx_ir.Node) -> bool:
    """Every window holds a pixel: the padding is narrower than it."""
    kernel = pool.attributes["kernel_shape"].as_ints()
    widest = max(_added(pad) or [0])
    own = max(pool.attributes["pads"].as_ints()) if "pads" in pool.attributes else 0
    return widest + own < min(kernel) and not _number(pool, "ceil_mode")


def _number(node: onnx_ir.Node, name: str) -> int:
    return node.attributes[name].as_int() if name in node.attributes else 0


def _text(node: onnx_ir.Node, name: str, default: str) -> str:
    return node.attributes[name].as_string() if name in node.attributes else default
