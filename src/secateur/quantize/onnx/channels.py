"""Why is a network's first convolution slow in int8, and what helps?

ONNX Runtime's fast int8 convolution takes input channels four at a time, and an image has three. With a
fourth channel of zeros, weights of zero included, the first layer of MobileNetV1 takes less than half of its
time.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx_ir

AT_A_TIME = 4


def fill_channels_(graph: "onnx_ir.Graph", nodes: Collection[str]) -> None:
    """Where a convolution reads rounded floats, fill up their channels to a multiple of 4, in place.

    The bytes are filled up, not the floats. The weight keeps its name and shape in the file: ONNX Runtime
    fills it up once, when it loads the model. Left alone are groups, and images of a single channel, which
    are slower with four.

    Args:
        graph: in QDQ form.
        nodes: names of those in int8; what another of them computed is left alone, too.
    """
    for layer in list(graph):
        if layer.op_type == "Conv" and layer.name in nodes and layer.attributes.get_int("group", 1) == 1:
            image, weight = (value.producer() if value is not None else None for value in layer.inputs[:2])
            assert image is not None, "an int8 layer reads what DequantizeLinear makes"
            assert weight is not None, "as it does its weight"
            shape = _stored(weight).shape
            assert shape is not None, "a weight is a constant"
            channels = int(shape.numpy()[1])
            missing = -channels % AT_A_TIME
            if 0 < missing < channels and _was_float(_stored(image), nodes):
                _fill(graph, layer, (image, weight), missing)


def _stored(dequantizer: "onnx_ir.Node") -> "onnx_ir.Value":
    """The bytes."""
    stored = dequantizer.inputs[0]
    assert stored is not None
    return stored


def _was_float(stored: "onnx_ir.Value", nodes: Collection[str]) -> bool:
    """Are these bytes made of floats that no int8 node computed?"""
    rounding = stored.producer()
    source = rounding.inputs[0] if rounding is not None and rounding.op_type == "QuantizeLinear" else None
    maker = source.producer() if source is not None else None
    return source is not None and (maker is None or maker.name not in nodes)


def _fill(
    graph: "onnx_ir.Graph", layer: "onnx_ir.Node", sources: "tuple[onnx_ir.Node, ...]", missing: int
) -> None:
    """Let the layer read both of its inputs with more channels."""
    import onnx_ir

    rank = len(_stored(sources[1]).shape or ())
    behind = np.zeros((2, rank), np.int64)
    behind[1, 1] = missing
    pads = onnx_ir.Value(name=f"{layer.name}.pads", const_value=onnx_ir.tensor(behind.reshape(-1)))
    graph.register_initializer(pads)
    for index, source in enumerate(sources):
        filled = onnx_ir.node("Pad", [_stored(source), pads])
        axis = {"axis": source.attributes.get_int("axis", 1)}
        floats = onnx_ir.node("DequantizeLinear", [filled.outputs[0], *source.inputs[1:]], axis)
        graph.insert_before(layer, [filled, floats])
        layer.replace_input_with(index, floats.outputs[0])
