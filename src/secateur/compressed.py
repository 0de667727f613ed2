"""What does the file of a shared or quantised network hold?"""

from collections.abc import Mapping, Sequence

import onnx_ir
from torch import Tensor, nn

from secateur.artifact.dtypes import Array
from secateur.graph.weights import prunable
from secateur.quantize import Int8
from secateur.quantize.onnx.convert import to_int8
from secateur.quantize.vectors import round_, settle_batchnorm_
from secateur.recipe import Compression


def compressed_graph(
    graph: onnx_ir.Model,
    model: nn.Module,
    options: Compression,
    *,
    scales: Mapping[str, Tensor],
    ranges: Mapping[str, tuple[float, float]],
    calibration: Sequence[Sequence[Array]],
) -> onnx_ir.Model:
    """The graph that is saved; changes `graph`, which holds the trained weights already.

    Args:
        graph: of `model`, in float32.
        model: the trained network, which tells parameters from the graph's own constants.
        options: of the recipe.
        scales: weight, by its name in the graph -> (rows,) spacing of its grid, where it has one.
        ranges: likewise -> range of what enters its layer, where that was learned.
        calibration: inputs of the network for the ranges that were not.

    Raises:
        ExportError: int8 was asked for and nothing in the network can be.
    """
    weights = {id(weight) for weight in prunable(model).values()}
    every = list(model.named_parameters(remove_duplicate=False))
    matrices = {name for name, parameter in every if id(parameter) in weights}
    held = {id(weight) for weight in prunable(model, skip=options.skip).values()}
    changed = settle_batchnorm_(graph.graph)
    round_(graph.graph, {*model.state_dict(), *changed} - matrices, options.vectors)
    if not isinstance(options.method, Int8):
        return graph
    proto = to_int8(
        onnx_ir.to_proto(graph),
        _fitting(calibration, graph),
        method=options.method.ranges,
        weight_scales={name: scale.cpu().numpy() for name, scale in scales.items()},
        input_ranges=ranges,
        skip={name for name, parameter in every if id(parameter) in weights - held},
    )
    return onnx_ir.from_proto(proto)


def _fitting(calibration: Sequence[Sequence[Array]], graph: onnx_ir.Model) -> list[Sequence[Array]]:
    """The batches, in pieces where the graph has a fixed batch size."""
    shape = graph.graph.inputs[0].shape
    size = shape[0] if shape is not None and len(shape) else None
    if not isinstance(size, int):
        return list(calibration)
    return [
        tuple(x[start : start + size] for x in batch)
        for batch in calibration
        for start in range(0, len(batch[0]) - size + 1, size)
    ]
