"""How is ONNX Runtime's own quantizer told which nodes, ranges and grids to use?"""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from secateur.quantize.onnx.channels import fill_channels_
from secateur.quantize.onnx.grids import Grid
from secateur.quantize.onnx.ranges import Range

if TYPE_CHECKING:
    import onnx
    import onnx_ir


def insert_qdq(
    model: "onnx.ModelProto",
    nodes: Sequence[str],
    ranges: Mapping[str, Range],
    grids: Mapping[str, Grid],
    floats: Collection[str],
) -> "onnx.ModelProto":
    """The model with QuantizeLinear and DequantizeLinear around the nodes, and weights as int8.

    Args:
        model: in float32, with the types of its tensors; altered.
        nodes: names of those to compute in int8.
        ranges: of the activations, by name.
        grids: of the weights, by name.
        floats: names of activations that are not rounded.
    """
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.calibrate import CalibrationMethod, TensorsData
    from onnxruntime.quantization.quant_utils import add_infer_metadata

    add_infer_metadata(model)  # the types are known; without this it writes the model to disk to find them
    quantizer = _quantizer(grids, floats)(
        model,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=TensorsData(
            CalibrationMethod.MinMax,
            {name: (np.float32(low), np.float32(high)) for name, (low, high) in ranges.items()},
        ),
        nodes_to_quantize=list(nodes),
        nodes_to_exclude=[],
        op_types_to_quantize=sorted({node.op_type for node in model.graph.node if node.name in nodes}),
        extra_options={"TensorQuantOverrides": {name: _overrides(grid) for name, grid in grids.items()}},
    )
    return _finished(quantizer.quantize_model(), nodes)


def _finished(converted: "onnx.ModelProto", nodes: Collection[str]) -> "onnx.ModelProto":
    """In an order that runs, with what the quantizer leaves to be done."""
    import onnx_ir
    from onnx_ir.passes import common

    model = onnx_ir.from_proto(converted)
    for back in model.graph:
        if back.op_type == "DequantizeLinear":
            _give_floats_to_float_nodes_(back, nodes)
    common.TopologicalSortPass()(model)
    fill_channels_(model.graph, nodes)
    common.RemoveUnusedNodesPass()(model)
    common.ClearMetadataAndDocStringPass()(model)
    proto = onnx_ir.to_proto(model)
    del proto.metadata_props[:]
    del proto.graph.value_info[:]  # every runtime infers the shapes
    return proto


def _give_floats_to_float_nodes_(back: "onnx_ir.Node", nodes: Collection[str]) -> None:
    """The quantizer hands a rounded tensor to all its readers, a residual connection in float among them.

    An int8 node's own output stays rounded for all: read in float, too, it would be computed in float.
    """
    stored = back.inputs[0]
    rounding = stored.producer() if stored is not None else None
    source = rounding.inputs[0] if rounding is not None and rounding.op_type == "QuantizeLinear" else None
    maker = source.producer() if source is not None else None
    if source is None or (maker is not None and maker.name in nodes):
        return
    for reader, index in list(back.outputs[0].uses()):
        if reader.name not in nodes:
            reader.replace_input_with(index, source)


def _overrides(grid: Grid) -> list[dict[str, Any]]:
    """One entry for each channel."""
    from onnxruntime.quantization import QuantType

    common = {"axis": grid.axis, "quant_type": QuantType.QInt8, "zero_point": np.int8(0)}
    return [common | {"scale": scale} for scale in grid.scales]


def _quantizer(grids: Mapping[str, Grid], floats: Collection[str]) -> Any:
    """The class, derived where it is used because importing it takes half a second."""
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    class Quantizer(QDQQuantizer):  # type: ignore[misc] # ships no types
        def quantize_activation_tensor(self, tensor_name: str) -> None:
            """Leave floats alone, and give a transposed weight the grid of the weight itself."""
            if tensor_name in floats:
                return
            producer = self.model.output_name_to_node().get(tensor_name)
            if producer is not None and producer.op_type == "Transpose" and producer.input[0] in grids:
                weight = producer.input[0]
                self.quantize_weight_tensor_per_channel(weight, grids[weight].axis)
            else:
                super().quantize_activation_tensor(tensor_name)

    return Quantizer
