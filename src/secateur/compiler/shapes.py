"""Which size does every axis have, and where do planes of images start?"""

import math
import sys
from collections.abc import Mapping, Sequence

import onnx_ir
from onnx_ir.passes import common

from secateur.compiler.bounds import refuse_contradictions, refuse_large
from secateur.compiler.kernels import PLANES
from secateur.compiler.memory import ALIGNMENT
from secateur.compiler.operands import refuse_operands
from secateur.compiler.passes.functions import write_out_
from secateur.compiler.passes.outputs import own_outputs_
from secateur.compiler.targets import Target
from secateur.compiler.windows import trim_windows_
from secateur.graph.folding import worth_folding
from secateur.network_file.example import input_shapes

ROUNDS = 16  # of folding; shapes that are computed from folded ones again and again end there
FEW_SETS = 1024  # bytes: what lies a multiple of it apart falls into a few sets of the first cache
LINE = ALIGNMENT // 4  # elements in a line of a cache


def fix_shapes_(graph: onnx_ir.Model, sizes: Mapping[str, Sequence[int]]) -> None:
    """Give every input its size, infer all others, and compute what only depends on them.

    Raises:
        ArtifactError: an input has other free sizes than the batch and is not in `sizes`.
        CompileError: the graph contradicts itself, or has a tensor that is empty or too large.
    """
    from onnxscript.optimizer import fold_constants

    for value, shape in zip(graph.graph.inputs, input_shapes(graph, sizes), strict=True):
        value.shape = onnx_ir.Shape(shape)
    refuse_large(graph)
    write_out_(graph)
    own_outputs_(graph)
    refuse_contradictions(graph)
    for _ in range(ROUNDS):  # what is folded makes more shapes known, and those more constants
        before = len(graph.graph)
        for node in graph.graph:
            for output in node.outputs:
                output.shape = None  # what the file declares may be wrong
        for value in graph.graph.initializers.values():
            if value.const_value is not None:  # it had a shape of its own before it was folded
                value.shape = onnx_ir.Shape(value.const_value.numpy().shape)
        common.ShapeInferencePass(check_type=False, strict_mode=False)(graph)
        fold_constants(graph, should_fold=worth_folding, output_size_limit=sys.maxsize)
        _lift_constants_(graph)
        common.RemoveUnusedNodesPass()(graph)
        if not trim_windows_(graph) and len(graph.graph) == before:
            break
    own_outputs_(graph)  # some became constants
    _lift_constants_(graph)
    refuse_large(graph)
    refuse_operands(graph)


def _lift_constants_(graph: onnx_ir.Model) -> None:
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(graph)


def pitches(graph: onnx_ir.Model, target: Target) -> dict[str, int]:
    """Value -> elements from plane to plane, of images that all their operators take with padded planes."""
    found = {}
    for value in (value for node in graph.graph for value in node.outputs):
        sizes = [size for size in value.shape or () if isinstance(size, int)]
        pixels = math.prod(sizes[2:])
        pitch = pitch_of(pixels, target)
        if len(sizes) in (3, 4) and pixels >= target.pitch and pitch != pixels and _inside(value):
            found[value.name or ""] = pitch
    return found


def _inside(value: onnx_ir.Value) -> bool:
    """Is it seen only by operators that take padded planes?"""
    maker = value.producer()
    kinds = {reader.op_type for reader, _ in value.uses()} | {maker.op_type if maker else ""}
    return kinds <= PLANES and not value.is_graph_output()


def pitch_of(pixels: int, target: Target) -> int:
    """Elements from one plane of so many pixels to the next, where planes are padded."""
    pitch = -(-pixels // target.pitch) * target.pitch
    return pitch + LINE if target.pitch > 1 and pitch * 4 % FEW_SETS == 0 else pitch
