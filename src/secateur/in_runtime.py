"""How good is the file itself? The network that a task evaluates, computed by the saved file."""

import copy
import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from secateur.artifact.network import Network
from secateur.errors import ArtifactError, TaskError

Array = NDArray[Any]
Inputs = tuple[Array, ...]


def call_inputs(call: inspect.BoundArguments, example_inputs: tuple[Tensor, ...]) -> Inputs:
    """The tensors of a forward call as arrays, in the order of the file's inputs, which are the example's.

    Raises:
        TaskError: the call passes tensors to other parameters than the example does.
    """
    given, wanted = _tensors(call), _tensors(call.signature.bind(*example_inputs))
    if given.keys() != wanted.keys():
        raise TaskError(
            f"The network was called with the tensors {', '.join(given) or 'none'}, and example_inputs has "
            f"{', '.join(wanted)}. A file takes what the example has: put into example_inputs what your "
            "loss and your evaluation pass to forward(), or pass what is there."
        )
    return tuple(given[name].detach().cpu().numpy() for name in wanted)


def _tensors(call: inspect.BoundArguments) -> dict[str, Tensor]:
    """By the parameter of forward() that takes them, and the place in it where it is a container."""
    return {
        name + pytree.keystr(path): leaf
        for name, value in call.arguments.items()
        for path, leaf in pytree.tree_leaves_with_path(value)
        if isinstance(leaf, Tensor)
    }


def in_runtime(model: nn.Module, network: Network, example_inputs: tuple[Tensor, ...]) -> nn.Module:
    """A copy of `model` whose forward call runs `network`, so that a task can evaluate a file.

    Attributes and parameters are those of the model, answers those of the file. A file with a fixed batch
    size gets larger batches in pieces, the last one filled up with its last row.

    Args:
        model: the network that was exported.
        network: the loaded file.
        example_inputs: that the file was made with; they tell its inputs and the structure of its outputs.
    """
    with torch.no_grad():
        leaves, structure = pytree.tree_flatten(model(*example_inputs))
    signature = inspect.signature(model.forward)
    device = example_inputs[0].device

    def forward(*args: Any, **kwargs: Any) -> Any:
        inputs = call_inputs(signature.bind(*args, **kwargs), example_inputs)
        answers = iter(torch.from_numpy(array).to(device) for array in run(network, inputs))
        outputs = [next(answers) if isinstance(leaf, Tensor) else leaf for leaf in leaves]
        return pytree.tree_unflatten(outputs, structure)

    clone = copy.deepcopy(model)
    clone.forward = forward
    return clone


def run(network: Network, inputs: Sequence[Array]) -> tuple[Array, ...]:
    """The outputs for any number of rows, also where the file has a fixed batch size.

    Raises:
        ArtifactError: an output has no rows to put together.
    """
    size = network.inputs[0].shape[0] if network.inputs[0].shape else None
    rows = len(inputs[0]) if inputs and inputs[0].ndim else 0
    if not isinstance(size, int) or rows in (0, size):
        return _tuple(network(*inputs))
    pieces = [
        _tuple(network(*[np.take(x, range(start, start + size), axis=0, mode="clip") for x in inputs]))
        for start in range(0, rows, size)
    ]
    if any(answer.ndim == 0 for answer in pieces[0]):
        raise ArtifactError(
            f"The network takes {size} rows at a time and got {rows}, and one of its outputs is a single "
            f"number for all of them. Evaluate with batches of {size}."
        )
    return tuple(np.concatenate(parts)[:rows] for parts in zip(*pieces, strict=True))


def _tuple(answers: Array | tuple[Array, ...]) -> tuple[Array, ...]:
    return answers if isinstance(answers, tuple) else (answers,)
