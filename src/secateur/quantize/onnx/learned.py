"""Where training learned the range of a layer's input, which tensors have to take it over?"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from secateur.errors import ExportError
from secateur.quantize.onnx.choose import CLIPS, MOVES, clip_ends
from secateur.quantize.onnx.layers import weight_of
from secateur.quantize.onnx.ranges import Range

if TYPE_CHECKING:
    import onnx_ir


def with_learned(
    observed: Mapping[str, Range], nodes: "Sequence[onnx_ir.Node]", learned: Mapping[str, Range]
) -> dict[str, Range]:
    """Ranges by the tensor's name, learned where the weight of a reader has one, otherwise observed.

    Raises:
        ExportError: a range whose ends are not finite, or in the wrong order.
    """
    ranges: dict[str, Range] = {}
    for node in nodes:
        weight = weight_of(node)
        if weight is not None and weight.name in learned:
            tensor = _source(node.inputs[0], nodes)
            low, high = _checked(weight.name, learned[weight.name])
            before = ranges.get(tensor, (low, high))
            ranges[tensor] = min(low, before[0]), max(high, before[1])
    return _within_clips({**observed, **ranges}, nodes)


def _source(value: "onnx_ir.Value | None", nodes: "Sequence[onnx_ir.Node]") -> str:
    """The tensor that hands its range on to this one through int8 nodes that only move values."""
    assert value is not None
    producer = value.producer()
    while producer is not None and producer in nodes and producer.op_type in MOVES:
        value = producer.inputs[0]
        assert value is not None
        producer = value.producer()
    assert value.name is not None
    return value.name


def _within_clips(ranges: dict[str, Range], nodes: "Sequence[onnx_ir.Node]") -> dict[str, Range]:
    """End where a Relu or Clip ends: the levels take its place, so beyond it there may be none."""
    for node in nodes:
        name, ends = node.outputs[0].name, clip_ends(node) if node.op_type in CLIPS else None
        if ends is not None and name is not None:
            low, high = ranges[name]
            ranges[name] = max(low, ends[0]), min(high, ends[1])
    return ranges


def _checked(name: str, ends: Range) -> Range:
    low, high = ends
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ExportError(
            f"input_ranges[{name!r}] is ({low}, {high}). Expected two finite numbers, the lower one first."
        )
    return min(low, 0.0), max(high, 0.0)
