"""Which nodes of a graph should be computed in int8?

Layers with a constant weight, and between them whatever ONNX Runtime computes on the bytes themselves.
A float node between two int8 ones costs more than it computes: its inputs are widened, and its outputs
rounded again.
"""

from collections.abc import Collection
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from secateur.graph.constants import constant
from secateur.quantize.onnx.layers import weight_of

if TYPE_CHECKING:
    import onnx_ir

MOVES = (
    "Flatten",
    "Gather",
    "MaxPool",
    "Pad",
    "Reshape",
    "Slice",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
)
"""They answer values of their input, so input and output share one range."""

CLIPS = ("Relu", "Clip")
"""Behind a convolution they cost nothing: its 256 levels end where they would clip."""

MIXES = ("Add", "Concat")
"""They have several activations."""

BETWEEN = (*MOVES, *CLIPS, *MIXES, "AveragePool", "GlobalAveragePool", "Resize")


def chosen(graph: "onnx_ir.Graph", skip: Collection[str] = ()) -> "list[onnx_ir.Node]":
    """The nodes to compute in int8, in order; layers of the weights in `skip` are not among them."""
    able: set[onnx_ir.Node] = set()
    for node in graph:
        weight = weight_of(node)
        if (weight is not None and weight.name not in skip) or _takes_bytes(node, able):
            able.add(node)
    for node in reversed(graph):
        if node in able and weight_of(node) is None and not _pays(node, able):
            able.remove(node)
    return [node for node in graph if node in able]


def stays_float(value: "onnx_ir.Value", nodes: "AbstractSet[onnx_ir.Node]") -> bool:
    """Is it a matrix product that no int8 node reads? Its kernel writes floats, which are more exact."""
    producer = value.producer()
    products = producer is not None and producer.op_type in ("Gemm", "MatMul")
    return products and nodes.isdisjoint(value.consumers())


def clip_ends(node: "onnx_ir.Node") -> tuple[float, float] | None:
    """From where to where a Relu or Clip lets values pass; None where that is computed."""
    if node.op_type == "Relu":
        return 0.0, float("inf")
    ends = []
    for value, default in zip((*node.inputs[1:], None, None), (-float("inf"), float("inf")), strict=False):
        array = constant(value)
        if value is not None and array is None:
            return None
        ends.append(default if array is None else float(array))
    return ends[0], ends[1]


def _takes_bytes(node: "onnx_ir.Node", able: "AbstractSet[onnx_ir.Node]") -> bool:
    """Does it lie between int8 nodes, and can it do there with bytes what it does with floats?"""
    if node.op_type not in BETWEEN or node.domain:
        return False
    activations = node.inputs if node.op_type in MIXES else node.inputs[:1]
    if any(value is None or value.producer() not in able for value in activations):
        return False
    if node.op_type in CLIPS:
        ends = clip_ends(node)  # zero is always a level, so no levels end where a Clip to [1, 6] does
        return ends is not None and ends[0] <= 0 <= ends[1]
    return node.op_type != "Pad" or _pads_with_zeros(node)


def _pads_with_zeros(node: "onnx_ir.Node") -> bool:
    """Or with values of its input."""
    if len(node.inputs) < 3 or node.inputs[2] is None:
        return True
    fill = constant(node.inputs[2])
    return fill is not None and not fill.any()


def _pays(node: "onnx_ir.Node", able: "AbstractSet[onnx_ir.Node]") -> bool:
    """Does an int8 node read it, or is it free?"""
    if any(reader in able for output in node.outputs for reader in output.consumers()):
        return True
    source = node.inputs[0].producer() if node.inputs[0] is not None else None
    return node.op_type in CLIPS and source is not None and source.op_type in ("Conv", "Add")
