"""What does a graph answer in ONNX Runtime?"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import onnx_ir
from numpy.typing import NDArray

from secateur.core.exact_int8 import exact_session
from secateur.errors import ExportError

Arrays: TypeAlias = Sequence[NDArray[Any]]
"""Inputs of one call, in the order of the graph's."""


def caller(graph: onnx_ir.Model, threads: int = 1) -> Callable[[Arrays], list[NDArray[Any]]]:
    """A function from inputs to all outputs, in order.

    Raises:
        ExportError: ONNX Runtime does not open the graph; the function raises it where it does not run.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised, and their log says nothing more
    options.intra_op_num_threads = threads
    model = onnx_ir.to_proto(graph).SerializeToString()
    try:
        session = exact_session(model, options)
    except Exception as error:  # ONNX Runtime's exceptions have no public base
        raise ExportError(f"ONNX Runtime cannot open the graph: {error}") from error
    names = [value.name or "" for value in graph.graph.inputs]

    def call(inputs: Arrays) -> list[NDArray[Any]]:
        try:
            answers = session.run(None, dict(zip(names, inputs, strict=True)))
        except Exception as error:  # as above
            raise ExportError(f"ONNX Runtime cannot run the graph on its inputs: {error}") from error
        return [np.asarray(answer) for answer in answers]

    return call
