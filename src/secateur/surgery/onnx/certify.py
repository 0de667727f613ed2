"""Does a cut graph answer what the masked one answers, in ONNX Runtime?"""

from collections.abc import Sequence

import numpy as np
import onnx_ir
import torch
from torch import Tensor

from secateur.core.masks import Masks
from secateur.errors import ExportError, SurgeryError
from secateur.graph.coarse import coarsest, rounding
from secateur.graph.one_run import shapes_and_numbers
from secateur.network_file.run import Arrays, caller
from secateur.surgery.answers import samples
from secateur.surgery.certificate import Certificate, compare, tells
from secateur.surgery.onnx.kept import Kept


def masked_graph(graph: onnx_ir.Model, masks: Masks) -> onnx_ir.Model:
    """A copy of a graph whose masked elements are zero."""
    copy = graph.clone()
    for name, mask in masks.tensors.items():
        value = copy.graph.initializers[name]
        assert value.const_value is not None, "an initializer has a value"
        array = value.const_value.numpy()
        value.const_value = onnx_ir.tensor(np.where(mask.numpy(), array, np.zeros_like(array)), name=name)
    return copy


def certify_graph(
    masked: onnx_ir.Model, cut: onnx_ir.Model, inputs: Sequence[Arrays], left: Kept, tolerance: float = 1e-5
) -> Certificate:
    """Compare the answers to the inputs, and to two random ones like the first.

    Args:
        masked: the graph whose removed units are zero.
        cut: the one without them.
        inputs: of one call each; the first is an example.
        left: what the cut left of every value, for the error.
        tolerance: of the largest difference, relative to the largest absolute output; larger where weights
            have 16 bits, whose rounding depends on how many numbers are added.

    Raises:
        SurgeryError: the cut graph does not run, or answers something else.
    """
    example, *real = [tuple(torch.from_numpy(np.array(x)) for x in arrays) for arrays in inputs]
    given = samples(example, real)
    expected = _answers(masked, given)
    if not any(tells(y) for y in expected[0]):
        raise SurgeryError(
            "The masked graph answers its example with zeros, or nothing finite, so nothing tells a right "
            "cut from a wrong one. Expected a trained network; or give real inputs: --inputs FILE.npz."
        )
    try:
        pairs = [compare(a, b) for a, b in zip(expected, _answers(cut, given), strict=True)]
    except (ExportError, SurgeryError) as error:
        raise _refused(f"{str(error).rstrip('.')}.", cut, inputs[0], left) from error
    worst, relative = (max(values) for values in zip(*pairs, strict=True))
    tolerance = rounding(cut, tolerance)
    found = Certificate(worst, relative, len(given), str(coarsest(cut)).removeprefix("torch."))
    if not found.relative <= tolerance:
        why = (
            f"Its outputs differ by {worst:.3g} from those of the masked graph, {relative:.3g} of the "
            f"largest number of the same output; expected at most {tolerance:g} of that."
        )
        raise _refused(why, cut, inputs[0], left)
    return found


def _answers(graph: onnx_ir.Model, given: Sequence[tuple[Tensor, ...]]) -> list[list[Tensor]]:
    call = caller(graph)
    return [[torch.from_numpy(np.array(y)) for y in call([x.numpy() for x in inputs])] for inputs in given]


def _refused(why: str, cut: onnx_ir.Model, example: Arrays, left: Kept) -> SurgeryError:
    """With the first operator that makes another shape than the cut leaves, where there is one."""
    feeds = {value.name or "": array for value, array in zip(cut.graph.inputs, example, strict=True)}
    makers = {node.outputs[0].name or "": node for node in cut.graph}
    asked = [name for name in makers if name in left.values.shapes]
    try:
        shapes, _ = shapes_and_numbers(cut, feeds, asked, [])
    except ExportError:  # ONNX Runtime has named the operator then
        shapes = {}
    wrong = (
        f" {makers[name].op_type} ({name}) makes {shape} where {left.shape(name)} was expected."
        for name, shape in shapes.items()
        if shape != left.shape(name)
    )
    return SurgeryError(
        f"The graph was cut and then refused. {why}{next(wrong, '')} Nothing was written. Skip the layers "
        "around it, for example --skip 'layer3.*', and report the network."
    )
