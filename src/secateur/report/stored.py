"""What does the file hold that is shipped, and is it what it should be?"""

import math

import numpy as np
from numpy.typing import NDArray
from torch import nn

from secateur.artifact import Container, Inspection, inspect, read
from secateur.artifact.dtypes import Array
from secateur.artifact.network import Network, load
from secateur.core.exact_int8 import exact_session
from secateur.core.task import Task
from secateur.export import TOLERANCE, max_abs_diff
from secateur.graph.weights import names_among
from secateur.report.candidates import Candidate, onnx_bytes
from secateur.report.collect import nonzero
from secateur.report.schema import Certificates, Layer

INTEGERS = "_quantized"
"""What ONNX Runtime's quantizer appends to the name of a weight."""


def layers(final: Candidate) -> list[Layer]:
    """Each parameter as it lies in the `.sct`."""
    file = inspect(final.file)
    stored = {entry.name: entry for entry in file.entries}
    names = _names_in_file(final.model, file)
    return [
        Layer(
            name=name,
            shape=list(parameter.shape),
            elements=parameter.numel(),
            nonzero=nonzero([parameter]),
            sparsity=1 - nonzero([parameter]) / max(1, parameter.numel()),
            encoding=stored[names[name]].encoding,
            dense_bytes=stored[names[name]].dense_bytes,
            bytes=stored[names[name]].stored_bytes,
        )
        for name, parameter in final.model.named_parameters()
        if name in names
    ]


def certificates(final: Candidate, task: Task, rounded: bool) -> Certificates:
    """Checked on the very file that is shipped; where it is `rounded`, no difference is too large."""
    inputs = task.example_inputs
    plain = exact_session(onnx_bytes(final.graph))
    tolerance = math.inf if rounded else TOLERANCE
    return Certificates(
        zeros_exact=_zeros_exact(final),
        onnx_max_abs_diff=max_abs_diff(final.model, Network(plain, {}), inputs, tolerance),
        reloaded_max_abs_diff=max_abs_diff(final.model, load(final.file), inputs, tolerance),
        rounded=rounded,
        masks_sha256=final.masks.hash(),
    )


def _names_in_file(model: nn.Module, stored: Container | Inspection) -> dict[str, str]:
    """Parameter name -> its name in the file.

    A tied weight has one of its names there; a parameter that forward never uses is not there at all.
    """
    in_file = {entry.name.removesuffix(INTEGERS): entry.name for entry in stored.entries}
    in_file |= {entry.name: entry.name for entry in stored.entries}
    return {name: in_file[alias] for name, alias in names_among(model, in_file).items()}


def _zeros_exact(final: Candidate) -> bool:
    """Whether all bits of every removed element are zero in the file, or it is not there at all."""
    if final.cut is not None and final.cut.certificate is not None:
        return True
    stored = read(final.file)
    names = _names_in_file(final.model, stored)
    return all(
        _zero(stored.tensors[names[name]], ~mask.cpu().numpy())
        for name, mask in final.masks.tensors.items()
        if name in names
    )


def _zero(stored: Array, gone: NDArray[np.bool_]) -> bool:
    """Whether all bits are zero there; the integers of a linear layer may lie transposed."""
    return any(
        stored.shape == where.shape and not stored[where].tobytes().strip(b"\0") for where in (gone, gone.T)
    )
