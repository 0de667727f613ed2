"""What is the network as one ONNX graph, with PyTorch's parameter names?"""

import contextlib
import io
import logging
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx_ir
import torch
from onnx_ir.tensor_adapters import TorchTensor
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils import _pytree as pytree

from secateur.core.modes import evaluation_mode
from secateur.errors import ExportError
from secateur.graph.plain import plain_


def trace(model: nn.Module, example_inputs: tuple[Tensor, ...], *, any_batch: bool = True) -> onnx_ir.Model:
    """Export with `torch.onnx.export(dynamo=True, optimize=False)`, which keeps every parameter's name.

    What the exporter computes though it is known already is computed here, see `secateur.graph.plain`.

    Args:
        model: the network.
        example_inputs: positional inputs of one forward call.
        any_batch: leave the first axis of the inputs free where the network allows any batch size. Where it
            does not, and without `any_batch` (half the time), the graph has the batch size of the example.

    Raises:
        ExportError: the example input does not run, or PyTorch cannot export the network.
    """
    if isinstance(example_inputs, Tensor):
        raise ExportError(
            f"example_inputs is a tensor of shape {tuple(example_inputs.shape)}. Expected a tuple, the "
            "positional inputs of one forward call; for one input write (x,)."
        )
    try:
        with evaluation_mode(model):
            graph = _exported_for_any_batch(model, example_inputs) if any_batch else None
            return _exported(model, example_inputs, None) if graph is None else graph
    except ExportError:
        raise
    except Exception as error:
        with evaluation_mode(model):
            _outputs(model, example_inputs)
        raise ExportError(
            f"{type(model).__name__} cannot be exported to ONNX: {_root_cause(error)}{_place(error)}. "
            "secateur needs a network that torch.onnx.export(model, example_inputs, dynamo=True) accepts. "
            "Usual remedies: write another operation in its place; make an `if` on a tensor's values a "
            "torch.where, or take it out of forward(); call nothing but torch on tensors; give an example "
            "input of the shape that will be used."
        ) from error


def _root_cause(error: BaseException) -> str:
    """The first line of what went wrong first; the exporter wraps it in pages of advice."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def _place(error: BaseException) -> str:
    """The line of the user's code that was being traced, where there is one."""
    ours = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]))
    found = ""
    cause: BaseException | None = error
    while cause is not None:
        for frame in traceback.extract_tb(cause.__traceback__):
            if "site-packages" not in frame.filename and not frame.filename.startswith((*ours, "<")):
                found = f", at {frame.filename}:{frame.lineno}: {frame.line}"
        cause = cause.__cause__
    return found


def with_weights_of(graph: onnx_ir.Model, model: nn.Module) -> onnx_ir.Model:
    """The same graph with the parameters and buffers of another network of the same architecture."""
    state = model.state_dict(keep_vars=False)
    copy = graph.clone()
    for name, value in copy.graph.initializers.items():
        if name in state:
            value.const_value = TorchTensor(state[name].detach().cpu().contiguous(), name=name)
    return copy


def _outputs(model: nn.Module, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    """What the network answers to its example.

    Raises:
        ExportError: it does not run.
    """
    try:
        with torch.no_grad():
            return _tensors(model(*inputs))
    except Exception as error:
        shapes = ", ".join(str(tuple(x.shape)) for x in inputs)
        raise ExportError(
            f"{type(model).__name__} does not run on its example inputs, of shape {shapes}: "
            f"{_root_cause(error)}. Expected the positional inputs of one forward call, with a batch axis."
        ) from error


def _batch_of_two(model: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
    """The example twice along the first axis, or None where the outputs do not follow.

    Twice, because an axis of 1 would be traced as a constant.
    """
    single = _outputs(model, inputs)
    if any(x.dim() == 0 for x in inputs):
        return None
    doubled = tuple(torch.cat([x, x]) for x in inputs)
    try:
        with torch.no_grad():
            outputs = _tensors(model(*doubled))
    except Exception:  # whatever it is, this network does not take two of its example
        return None
    follows = all(
        a.dim() > 0 and b.dim() == a.dim() and b.shape[0] == 2 * a.shape[0]
        for a, b in zip(single, outputs, strict=True)
    )
    return doubled if follows else None


def _tensors(outputs: Any) -> list[Tensor]:
    """The tensors of a network's outputs, in order."""
    leaves = pytree.tree_leaves(outputs)
    return [leaf for leaf in leaves if isinstance(leaf, Tensor)]


def _exported_for_any_batch(model: nn.Module, inputs: tuple[Tensor, ...]) -> onnx_ir.Model | None:
    """None where the network fixes its batch size, which the exporter may take for the answer in silence."""
    two = _batch_of_two(model, inputs)
    if two is None:
        return None
    try:
        graph = _exported(model, two, tuple({0: torch.export.Dim("batch")} for _ in two))
    except Exception:  # whatever it is, a fixed batch is tried next, whose error is the one to show
        return None
    ends = (*graph.graph.inputs, *graph.graph.outputs)
    fixed = any(value.shape is not None and isinstance(value.shape[0], int) for value in ends)
    return None if fixed else graph


def _exported(model: nn.Module, inputs: tuple[Tensor, ...], dynamic: Any) -> onnx_ir.Model:
    """Attention with a bias (T5's, Swin's) is exported from its plain products only, as of torch 2.13."""
    with contextlib.suppress(Exception):  # whatever it is, the products are tried next
        return _written(model, inputs, dynamic)
    FakeTensorMode.cache_clear()  # it holds the attention of the first attempt
    with sdpa_kernel(SDPBackend.MATH):
        return _written(model, inputs, dynamic)


def _written(model: nn.Module, inputs: tuple[Tensor, ...], dynamic: Any) -> onnx_ir.Model:
    with _quiet():
        program = torch.onnx.export(
            model, inputs, dynamo=True, optimize=False, verbose=False, dynamic_shapes=dynamic
        )
    assert program is not None, "torch.onnx.export(dynamo=True) without a file answers a program"
    graph = program.model
    for name, value in graph.graph.initializers.items():
        held = getattr(value.const_value, "raw", None)
        if isinstance(held, Tensor):  # the network's memory, which training will change
            own = held.detach().cpu().clone(memory_format=torch.contiguous_format)
            value.const_value = TorchTensor(own, name=name)
    with _quiet():  # where shapes cannot be inferred, as of bfloat16, the exporter's stay
        plain_(graph)
    _name_outputs_(graph.graph, program)
    return graph


def _name_outputs_(graph: onnx_ir.Graph, program: torch.onnx.ONNXProgram) -> None:
    """Outputs that the network answers under keys have these names: "logits", not that of an operator."""
    assert program.exported_program is not None, "dynamo=True exports by way of a program"
    structure = program.exported_program.module_call_graph[0].signature.out_spec
    answer = pytree.tree_unflatten(range(structure.num_leaves), structure)
    paths = [path for path, _ in pytree.tree_leaves_with_path(answer)]
    taken = {value.name for node in graph for value in node.outputs} | {value.name for value in graph.inputs}
    if len(paths) != len(graph.outputs):
        return
    for value, path in zip(graph.outputs, paths, strict=True):
        name = ".".join(str(getattr(key, "key", getattr(key, "idx", ""))) for key in path)
        keyed = bool(path) and isinstance(path[0], pytree.MappingKey)
        if keyed and name not in taken and value.producer() is not None:
            taken.add(name)
            value.name = name


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter and its passes talk of themselves; what matters reaches the user as an ExportError."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    nowhere = io.StringIO()
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(nowhere),
            contextlib.redirect_stderr(nowhere),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
