"""Which values do the tensors inside a network take on real inputs?"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secateur.errors import ExportError, NumericalError
from secateur.quantize.onnx.ranges import Histogram

if TYPE_CHECKING:
    import onnx

Array = NDArray[Any]


def observe(
    model: "onnx.ModelProto", batches: Sequence[Sequence[Array]], names: Sequence[str]
) -> dict[str, Histogram]:
    """Run the network in ONNX Runtime and count the values of some of its float tensors.

    Args:
        model: in float32.
        batches: of inputs; each the model's inputs, in order.
        names: of inputs and intermediate tensors.

    Returns:
        A histogram by name; memory is that of one batch, however many there are.

    Raises:
        ExportError: there is no batch, or the network does not run on one.
        NumericalError: a tensor holds NaN or infinity.
    """
    seen = {name: Histogram() for name in names}
    count = 0
    for count, tensors in enumerate(_runs(model, batches, names), start=1):
        for name, values in tensors.items():
            bad = values.size - int(np.isfinite(values).sum())
            if bad:
                raise NumericalError(
                    f"Calibration batch {count - 1} makes the tensor {name!r} hold {bad} NaN or infinite "
                    f"values of {values.size}. Expected finite inputs and a network that stays finite on "
                    "them: look at this batch."
                )
            seen[name].add(values)
    if not count:
        raise ExportError(
            "The calibration set is empty: 0 batches. Expected a few batches of real inputs, since int8 "
            "needs to know from where to where activations reach."
        )
    return seen


def _runs(
    model: "onnx.ModelProto", batches: Sequence[Sequence[Array]], names: Sequence[str]
) -> Iterator[dict[str, Array]]:
    """The named tensors of each batch."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4  # fatal: errors are raised, and their log says nothing more
    watched = _with_outputs(model, names).SerializeToString()
    session = onnxruntime.InferenceSession(watched, options, providers=["CPUExecutionProvider"])
    inputs = [node.name for node in session.get_inputs()]
    computed = [name for name in names if name not in inputs]
    for index, batch in enumerate(batches):
        if len(batch) != len(inputs):
            raise ExportError(
                f"Calibration batch {index} has {len(batch)} arrays. Expected {len(inputs)}: "
                f"{', '.join(inputs)}."
            )
        feeds = dict(zip(inputs, batch, strict=True))
        try:
            outputs = session.run(computed, feeds) if computed else []
        except Exception as error:  # ONNX Runtime's exceptions have no public base
            shapes = ", ".join(f"{name} {array.dtype}{list(array.shape)}" for name, array in feeds.items())
            raise ExportError(
                f"The network does not run on calibration batch {index} ({shapes}): {error}."
            ) from error
        yield {name: feeds[name] for name in names if name in feeds} | dict(
            zip(computed, outputs, strict=True)
        )


def _with_outputs(model: "onnx.ModelProto", names: Sequence[str]) -> "onnx.ModelProto":
    """The model with these tensors as outputs, too."""
    import onnx

    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    known = {value.name for value in (*watched.graph.input, *watched.graph.output)}
    watched.graph.output.extend(
        onnx.ValueInfoProto(name=name) for name in dict.fromkeys(names) if name not in known
    )
    return watched
