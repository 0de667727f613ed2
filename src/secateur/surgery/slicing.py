"""What is left of the tensors of a network, of their gradients and of what an optimizer keeps for them?"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils import _pytree as pytree

from secateur.core.masks import Masks
from secateur.errors import SurgeryError
from secateur.surgery.journal import Journal

FLUSHED = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def named_tensors(model: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by all of their names: a tied one has several."""
    return {
        **dict(model.named_parameters(remove_duplicate=False)),
        **dict(model.named_buffers(remove_duplicate=False)),
    }


def take(tensor: Tensor, kept: Mapping[int, Tensor]) -> Tensor:
    """The positions that stay, axis by axis; a copy, in the memory format of the tensor."""
    last = tensor.dim() == 4 and not tensor.is_contiguous()
    last = last and tensor.is_contiguous(memory_format=torch.channels_last)
    for axis, index in kept.items():
        tensor = tensor.index_select(axis, index.to(tensor.device))
    return tensor.contiguous(memory_format=torch.channels_last) if last else tensor


def without_subnormals(tensor: Tensor) -> Tensor:
    """The same numbers with 0.0 for those too small for a full mantissa, which processors compute slowly."""
    if tensor.dtype not in FLUSHED:
        return tensor
    return _zeroed(tensor, tensor.abs() < torch.finfo(tensor.dtype).tiny)


def _zeroed(tensor: Tensor, gone: Tensor) -> Tensor:
    """A copy in the same memory format, which `masked_fill` does not keep."""
    return tensor.clone().masked_fill_(gone, 0.0)


@torch.no_grad()
def slice_tensors(
    model: nn.Module, kept: Mapping[int, Mapping[int, Tensor]], masks: Masks, journal: Journal
) -> None:
    """Cut every parameter and buffer and its gradient in place; what a mask removes elsewhere becomes 0.

    Args:
        model: the network.
        kept: id of a tensor of the network -> axis -> positions that stay.
        masks: of the same network.
        journal: takes it back, and also what training changes later in tensors that are not cut.
    """
    gone = {id(p): ~masks.tensors[n] for n, p in model.named_parameters() if n in masks.tensors}
    for tensor in {id(t): t for t in named_tensors(model).values()}.values():
        data = tensor.detach()
        if id(tensor) not in kept:
            journal.remember(tensor)
            if id(tensor) in gone:
                data.masked_fill_(gone[id(tensor)].to(data.device), 0.0)
            continue
        if id(tensor) in gone:
            data = _zeroed(data, gone[id(tensor)].to(data.device))
        grad = None if tensor.grad is None else take(tensor.grad, kept[id(tensor)])
        journal.shrink(tensor, without_subnormals(take(data, kept[id(tensor)])), grad)


def check_optimizer(optimizer: Optimizer, model: nn.Module) -> None:
    """An optimizer goes on with a cut network only where it trains that network and nothing else.

    Raises:
        SurgeryError: it holds a parameter that the network does not have.
    """
    own = {id(p) for p in model.parameters()}
    for number, group in enumerate(optimizer.param_groups):
        for position, parameter in enumerate(group["params"]):
            if id(parameter) not in own:
                raise SurgeryError(
                    f"Parameter {position} of group {number} of {type(optimizer).__name__}, of shape "
                    f"{tuple(parameter.shape)}, is not a parameter of the network that is cut. Expected "
                    "only the network's own: make the optimizer anew from model.parameters(), or cut the "
                    "network that it trains."
                )


def slice_state(
    optimizer: Optimizer,
    names: Mapping[int, str],
    kept: Mapping[int, Mapping[int, Tensor]],
    journal: Journal,
) -> None:
    """Cut what an optimizer keeps for each parameter; to be called before the parameters are cut.

    Raises:
        SurgeryError: a state has another shape than its parameter.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    elements = sum(p.numel() for p in parameters)
    for parameter in parameters:
        state = dict(optimizer.state.get(parameter, {}))
        journal.add(partial(_put_back, optimizer, parameter, pytree.tree_map(_cloned, state)))
        for key, value in state.items():
            cut = _cutter(optimizer, parameter, str(key), names, kept, elements)
            optimizer.state[parameter][key] = pytree.tree_map(cut, value)


def _cutter(
    optimizer: Optimizer,
    parameter: Tensor,
    key: str,
    names: Mapping[int, str],
    kept: Mapping[int, Mapping[int, Tensor]],
    elements: int,
) -> Callable[[Any], Any]:
    def cut(value: Any) -> Any:
        if not isinstance(value, Tensor) or value.numel() == 1:
            return value
        of_all = value.shape == (elements,) != parameter.shape  # as L-BFGS keeps them
        own = id(parameter) in kept or of_all
        if own and value.shape != parameter.shape:
            raise SurgeryError(
                f"{type(optimizer).__name__} keeps {key!r} of shape {tuple(value.shape)} for "
                f"{names[id(parameter)]}, of shape {tuple(parameter.shape)}, and which part of it belongs to "
                "which channel is not known. Cut with an optimizer whose state has the parameter's shape, "
                "such as SGD or AdamW, or make the optimizer anew after the cut."
            )
        return take(value, kept[id(parameter)]) if own else value

    return cut


def _cloned(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def _put_back(optimizer: Optimizer, parameter: Tensor, state: dict[str, Any]) -> None:
    """What training made since then goes, too."""
    optimizer.state.pop(parameter, None)
    if state:
        optimizer.state[parameter] = state
