"""How does a float ONNX graph become one that ONNX Runtime runs in int8?"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secateur.errors import ExportError, did_you_mean
from secateur.graph.batchnorm import fold_batchnorm_
from secateur.graph.plain import plain_
from secateur.quantize.onnx.choose import chosen, stays_float
from secateur.quantize.onnx.grids import grids, snap_
from secateur.quantize.onnx.layers import LAYERS, Weight, weight_of
from secateur.quantize.onnx.learned import with_learned
from secateur.quantize.onnx.observe import observe
from secateur.quantize.onnx.quantizer import insert_qdq
from secateur.quantize.onnx.ranges import RANGES, Range

if TYPE_CHECKING:
    import onnx
    import onnx_ir

Array = NDArray[Any]

NOTHING: Mapping[str, Any] = MappingProxyType({})


def to_int8(
    model: "onnx.ModelProto",
    batches: Sequence[Sequence[Array]],
    *,
    method: str = "mse",
    weight_scales: Mapping[str, Array] = NOTHING,
    input_ranges: Mapping[str, Range] = NOTHING,
    skip: Collection[str] = (),
) -> "onnx.ModelProto":
    """The network in QDQ form, which ONNX Runtime computes with whole numbers of 8 bits.

    Weights of Conv, Gemm and MatMul become int8 with a scale for each output channel and the zero point 0,
    so zeros stay zeros; activations become uint8 (arXiv 1712.05877). BatchNorm is folded into the layer
    before it. The weight `conv.weight` is `conv.weight_quantized` afterwards, in the shape it had, with
    `conv.weight_scale`. GRU, LSTM, ConvTranspose, attention's products of two activations and
    normalisation layers stay float32, as does a weight that such a node reads too.

    Args:
        model: from `torch.onnx.export(dynamo=True, optimize=False)`, in float32; stays as it is.
        batches: a few batches of training inputs, each the model's inputs in order; they are gone
            through once and decide from where to where activations reach.
        method: how, a key of `RANGES`: "mse", "percentile" or "minmax".
        weight_scales: by the weight's name in the graph, (out_channels,): the grid that training found, as it
            was before BatchNorm is folded. Levels are exactly round(weight / scale), within -127 .. 127; with
            a negative factor of the BatchNorm their signs are the other way round. Only where a channel's
            bias would not fit into 32 bits (its weights are then dwarfed by it) is the scale widened.
        input_ranges: by the weight's name in the graph, (low, high) of the activation that enters its
            layer. Where several layers read one activation, the widest of their ranges counts.
        skip: weights, by their names in the graph, whose layers stay float.

    Raises:
        ExportError: nothing in the network can be int8; an empty calibration set, or inputs that do not
            fit; a name, range or scale that makes no sense.
        NumericalError: NaN or infinity in a weight, or in a tensor during calibration.
    """
    import onnx_ir

    if method not in RANGES:
        raise ExportError(f"method = {method!r} is unknown. Known: {', '.join(RANGES)}.")
    graph = onnx_ir.from_proto(model)
    plain_(graph)
    _check_names(graph, {"weight_scales": weight_scales, "input_ranges": input_ranges})
    snap_(_weights(graph.graph), weight_scales)
    factors = fold_batchnorm_(graph)
    nodes = chosen(graph.graph, skip)
    weights = _weights(nodes)
    if not weights:
        raise ExportError(_nothing_to_do(graph))
    tensors = _activations(nodes)
    proto = onnx_ir.to_proto(graph)
    seen = observe(proto, batches, list(tensors))
    ranges = with_learned(
        {name: RANGES[method](values) for name, values in seen.items()}, nodes, input_ranges
    )
    floats = [name for name, value in tensors.items() if stays_float(value, set(nodes))]
    names = [node.name for node in nodes if node.name is not None]
    converted = insert_qdq(proto, names, ranges, grids(weights, weight_scales, factors), floats)
    _check_zeros(converted, weights)
    return converted


def _weights(nodes: "Iterable[onnx_ir.Node]") -> list[Weight]:
    """The weights of these nodes, each once."""
    found = {weight.name: weight for node in nodes if (weight := weight_of(node)) is not None}
    return list(found.values())


def _activations(nodes: "Iterable[onnx_ir.Node]") -> "dict[str, onnx_ir.Value]":
    """The float tensors that the nodes read and write, by name."""
    import onnx_ir

    values = (value for node in nodes for value in (*node.inputs, *node.outputs) if value is not None)
    return {
        value.name: value
        for value in values
        if value.name is not None and value.dtype == onnx_ir.DataType.FLOAT and not value.is_initializer()
    }


def _check_names(graph: "onnx_ir.Model", given: Mapping[str, Mapping[str, object]]) -> None:
    known = [name for name in graph.graph.initializers if name is not None]
    for argument, values in given.items():
        for name in values:
            if name not in known:
                raise ExportError(
                    f"{argument} names {name!r}, which is no weight in the graph.{did_you_mean(name, known)} "
                    "A weight that layers share is there once, under its name in the last of them."
                )


def _nothing_to_do(graph: "onnx_ir.Model") -> str:
    has = sorted({node.op_type for node in graph.graph})
    return (
        f"Nothing in this network can be computed in int8: it has {', '.join(has) or 'no nodes'}. Expected "
        f"one of {', '.join(LAYERS)} (convolutional and linear layers) with a constant float32 weight. Keep "
        "it in float, with weights of fewer bits."
    )


def _check_zeros(converted: "onnx.ModelProto", weights: Iterable[Weight]) -> None:
    """Trust is good: a removed weight that came back would undo the pruning silently."""
    from onnx.numpy_helper import to_array

    levels = {tensor.name: tensor for tensor in converted.graph.initializer}
    for weight in weights:
        stored = to_array(levels[f"{weight.name}_quantized"])
        back = int(np.count_nonzero(stored[weight.array == 0]))
        if back:
            raise ExportError(
                f"{back} zeros of {weight.name} are not zero in int8. Expected all: this version of ONNX "
                "Runtime quantizes in another way than the one secateur was made for."
            )
