"""What remains of a BatchNorm whose statistics are constants? A factor and an offset for each channel.

    (W * x + b - mean) / sqrt(var + eps) * gamma + beta  =  (f W) * x + ((b - mean) f + beta)

with f = gamma / sqrt(var + eps), as in section 3.2 of arXiv 1712.05877.
"""

from typing import TYPE_CHECKING

import numpy as np

from secateur.graph.constants import Floats, constant, output_axis, set_constant

if TYPE_CHECKING:
    import onnx_ir


def fold_batchnorm_(model: "onnx_ir.Model") -> dict[str, Floats]:
    """Fold each BatchNorm into the Conv, ConvTranspose or Gemm before it, in place.

    Left alone are those whose layer has other readers, or a weight that other layers use too. Computed in
    float64; what becomes subnormal is written as zero. Weights keep their names, biases get new ones.

    Returns:
        f by the name of the weight, of shape (out_channels,). Where the weight was on a grid, the folded
        one is on a grid whose steps are |f| times as wide.
    """
    factors: dict[str, Floats] = {}
    for norm in list(model.graph):
        layer = _foldable_into(norm) if norm.op_type == "BatchNormalization" else None
        if layer is not None:
            weight = layer.inputs[1]
            assert weight is not None
            assert weight.name is not None
            factor = _fold(model.graph, layer, weight, norm)
            factors[weight.name] = factors.get(weight.name, 1.0) * factor  # of several in a row
    return factors


def _foldable_into(norm: "onnx_ir.Node") -> "onnx_ir.Node | None":
    """The layer that can take this BatchNorm, or None."""
    value = norm.inputs[0]
    layer = value.producer() if value is not None else None
    if value is None or layer is None or layer.op_type not in ("Conv", "ConvTranspose", "Gemm"):
        return None
    weight, bias = [*layer.inputs[1:], None][:2]
    constants = [*norm.inputs[1:], weight, *([] if bias is None else [bias])]
    shared = weight is None or len(weight.uses()) > 1 or len(value.uses()) > 1 or value.is_graph_output()
    if shared or any(constant(each) is None for each in constants):
        return None
    scaled = any(layer.attributes.get_float(name, 1.0) != 1.0 for name in ("alpha", "beta"))
    return None if scaled or norm.attributes.get_int("training_mode", 0) == 1 else layer


def _fold(
    graph: "onnx_ir.Graph", layer: "onnx_ir.Node", weight: "onnx_ir.Value", norm: "onnx_ir.Node"
) -> Floats:
    """Put the BatchNorm into the layer; the factor of each channel."""
    gamma, beta, mean, variance = (_wide(value) for value in norm.inputs[1:5])
    factor: Floats = gamma / np.sqrt(variance + norm.attributes.get_float("epsilon", 1e-5))
    bias = _wide(layer.inputs[2]) if len(layer.inputs) > 2 and layer.inputs[2] is not None else np.zeros(1)
    set_constant(weight, _scaled(layer, _wide(weight), factor))
    _give_bias(graph, layer, f"{weight.name}.folded_bias", (bias - mean) * factor + beta)
    norm.outputs[0].replace_all_uses_with(layer.outputs[0], replace_graph_outputs=True)
    graph.remove(norm, safe=True)
    return factor


def _scaled(layer: "onnx_ir.Node", weight: Floats, factor: Floats) -> Floats:
    """The weight with each output channel times its factor."""
    if layer.op_type == "ConvTranspose":  # (in, out / groups, ...), the groups one after the other along `in`
        groups = layer.attributes.get_int("group", 1)
        by_group: Floats = weight.reshape(groups, -1, *weight.shape[1:])
        by_group *= factor.reshape(groups, 1, -1, *[1] * (weight.ndim - 2))
        return by_group.reshape(weight.shape)
    shape = [1] * weight.ndim
    shape[output_axis(layer)] = -1
    return weight * factor.reshape(shape)


def _give_bias(graph: "onnx_ir.Graph", layer: "onnx_ir.Node", name: str, bias: Floats) -> None:
    """A bias of the layer's own: the one it had may be that of other layers too."""
    import onnx_ir

    while name in graph.initializers:  # of a BatchNorm that was folded before, or the file's own
        name += "_"
    value = onnx_ir.Value(name=name)
    set_constant(value, bias)
    graph.register_initializer(value)
    layer.resize_inputs(3)
    layer.replace_input_with(2, value)


def _wide(value: "onnx_ir.Value | None") -> Floats:
    array = constant(value)
    assert array is not None, "only a BatchNorm of constants is folded"
    return array.astype(np.float64)
