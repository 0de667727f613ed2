"""What exactly is timed: one forward call of a network in a runtime.

`onnx_call` and `torch_call` answer a call without arguments for `secateur.measure.latency.time_calls`.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from secateur.core.exact_int8 import exact_session
from secateur.errors import ArtifactError, ExportError, SecateurError, did_you_mean

if TYPE_CHECKING:
    from torch import Tensor, nn

FLOATS = {"float16": "float16", "float": "float32", "double": "float64"}
INTEGERS = {"bool", *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))}


def onnx_call(
    onnx: bytes | Path,
    *,
    threads: int,
    batch: int,
    sizes: Mapping[str, Sequence[int]] | None = None,
    seed: int = 0,
) -> Callable[[], object]:
    """A forward call in ONNX Runtime on random inputs.

    Args:
        onnx: the model, as bytes or as a file.
        threads: for one operator; operators run one after the other.
        batch: size of the first axis of every input, where the model leaves it open.
        sizes: input -> all its sizes, where more than the batch is open.
        seed: of the random inputs.
    """
    session = _session(onnx, threads)
    random = np.random.default_rng(seed)
    shapes = batch_shapes({node.name: node.shape for node in session.get_inputs()}, batch, sizes or {})
    feeds = {node.name: _random_input(node.type, shapes[node.name], random) for node in session.get_inputs()}
    try:
        session.run(None, feeds)
    except Exception as error:  # ONNX Runtime's errors have no common class of their own
        shown = ", ".join(f"{name} {list(value.shape)}" for name, value in feeds.items())
        raise ExportError(
            f"ONNX Runtime opens the model but cannot run it on random inputs ({shown}): {error}. "
            "Expected a model whose inputs may hold any values of their type."
        ) from error
    return lambda: session.run(None, feeds)


def torch_call(
    module: "nn.Module", example_inputs: "Sequence[Tensor]", *, threads: int, batch: int
) -> Callable[[], object]:
    """A forward call in PyTorch, eager, without gradients, on the example's rows repeated to `batch`.

    The module is set to evaluation mode, and the whole process to `threads` threads: PyTorch keeps
    that number once per process.
    """
    import torch

    torch.set_num_threads(threads)
    module.eval()
    inputs = [x[torch.arange(batch) % len(x)] if x.dim() else x for x in example_inputs]

    @torch.inference_mode()
    def call() -> object:
        return module(*inputs)

    return call


def load_weights(module: "nn.Module", onnx: bytes | Path) -> None:
    """Put the weights of an ONNX model into the PyTorch network that it was exported from.

    Raises:
        ArtifactError: this is no ONNX model.
        SecateurError: the model lacks a parameter of the network, or has it in another shape.
    """
    import torch
    from onnx import load, load_from_string, numpy_helper

    try:
        model = load(onnx) if isinstance(onnx, Path) else load_from_string(onnx)
    except Exception as error:  # protobuf's own, or an OSError for weights in a file beside it
        raise ArtifactError(f"{_name(onnx)} cannot be read: {error}. Expected a valid ONNX model.") from error
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    for name, parameter in module.named_parameters():
        found = list(weights[name].dims) if name in weights else None
        if found != list(parameter.shape):
            raise SecateurError(
                f"The network's parameter {name!r} has the shape {list(parameter.shape)}; in the file it "
                f"{'is missing' if found is None else f'has {found}'}. Expected the very network that the "
                "file was exported from."
            )
    arrays = {name: numpy_helper.to_array(weights[name]) for name in module.state_dict() if name in weights}
    module.load_state_dict({name: torch.tensor(array) for name, array in arrays.items()}, strict=False)


def _session(onnx: bytes | Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3  # errors only; they are raised as well
    # Idle threads of one session spin for some 30 ms and take the cores from the next session: with
    # two threads, interleaved calls were seen to take 2 to 5 times as long as calls of one session.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        return exact_session(onnx, options)
    except Exception as error:  # ONNX Runtime's errors have no common class of their own
        raise ArtifactError(
            f"ONNX Runtime cannot open {_name(onnx)}: {error}. "
            "Expected a valid ONNX model with operators that this version knows."
        ) from error


def _name(onnx: bytes | Path) -> str:
    return "the model" if isinstance(onnx, bytes) else str(onnx)


def batch_shapes(
    declared: Mapping[str, Sequence[int | str | None]], batch: int, sizes: Mapping[str, Sequence[int]]
) -> dict[str, list[int]]:
    """The shapes of inputs that are given in `sizes`, else the declared ones with the batch filled in.

    Raises:
        SecateurError: another size is open, the batch is fixed to another number, or `sizes` do not fit or
            name an input that is not there.
    """
    for name in sizes:
        if name not in declared:
            raise SecateurError(
                f"There is no input {name!r}.{did_you_mean(name, declared)} The network has: "
                f"{', '.join(declared)}."
            )
    return {
        name: _given(name, shape, sizes[name]) if name in sizes else _with_batch(name, shape, batch)
        for name, shape in declared.items()
    }


def _with_batch(name: str, declared: Sequence[int | str | None], batch: int) -> list[int]:
    first, rest = declared[:1], declared[1:]
    for axis, size in enumerate(rest, start=1):
        if not isinstance(size, int):
            raise SecateurError(
                f"The input {name!r} has the shape {list(declared)}, whose axis {axis} is open, so "
                "there is no one size to time. Only the first axis, the batch, may be open: say which "
                f"sizes matter to you (--shape {name}=...), or export the model with them."
            )
    if first and isinstance(first[0], int) and first[0] != batch:
        raise SecateurError(
            f"The input {name!r} has the shape {list(declared)}, with a fixed batch of {first[0]}, "
            f"but a batch of {batch} was asked for. Say --batch {first[0]}, or export the model "
            "with an open first axis."
        )
    return [batch for _ in first] + [size for size in rest if isinstance(size, int)]


def _given(name: str, declared: Sequence[int | str | None], sizes: Sequence[int]) -> list[int]:
    pairs = zip(declared, sizes, strict=False)
    if len(declared) != len(sizes) or any(isinstance(was, int) and was != now for was, now in pairs):
        raise SecateurError(
            f"The input {name!r} has the shape {list(declared)}, which {list(sizes)} does not fit. Expected "
            "all its sizes, those that are fixed as they are."
        )
    return list(sizes)


def _random_input(onnx_type: str, shape: list[int], random: np.random.Generator) -> Any:
    """Normal floats; 0 or 1 for integers, which are valid indices of any table with two rows."""
    kind = onnx_type.removeprefix("tensor(").removesuffix(")")
    if kind in FLOATS:
        return random.standard_normal(shape).astype(FLOATS[kind])
    if kind in INTEGERS:
        return random.integers(0, 2, shape).astype(kind)
    raise SecateurError(
        f"The model has an input of type {onnx_type}, for which there are no sensible random values. "
        "Expected tensors of floats, integers or booleans."
    )
