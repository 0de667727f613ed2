"""What do the gradients of the calibration batches say about each weight?"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice

import torch
from torch import Tensor, nn

from secateur.core.blame import check_reached
from secateur.core.modes import evaluation_mode
from secateur.core.precision import at_least_float32
from secateur.core.protocols import Scores
from secateur.core.task import Calibration
from secateur.criteria.calibration import needed
from secateur.errors import NumericalError, RecipeError


def mean_over_batches(
    model: nn.Module,
    parameters: Mapping[str, Tensor],
    data: Calibration | None,
    score: Callable[[Tensor, Tensor], Tensor],
    *,
    criterion: str,
) -> Scores:
    """The mean of `score(weight, gradient)` over at most `data.limit` batches, in evaluation mode.

    A parameter that the loss does not touch scores zero. Gradients are not left behind.

    Raises:
        RecipeError: there are no data.
        NumericalError: the loss of a batch is NaN or infinite.
    """
    scores = {name: at_least_float32(torch.zeros_like(weight)) for name, weight in parameters.items()}
    count = 0
    for gradients in of_batches(model, parameters, data, criterion=criterion):
        for name, gradient in gradients.items():
            scores[name] += score(parameters[name].detach(), gradient)
        count += 1
    return {name: total / count for name, total in scores.items()}


def of_batches(
    model: nn.Module, parameters: Mapping[str, Tensor], data: Calibration | None, *, criterion: str
) -> Iterator[dict[str, Tensor]]:
    """Gradients of at most `data.limit` batches by parameter, without those that the loss does not touch.

    They are in float32 at least: in half precision, most products of a gradient and a weight are 0.

    Raises:
        RecipeError: there are no data.
        NumericalError: the loss of a batch is NaN or infinite.
        TaskError: the losses depend on none of the parameters.
    """
    data = needed(data, criterion)
    count, reached = 0, False
    with (
        torch.enable_grad(),
        evaluation_mode(model),
        _gradients(parameters.values()),
        _recurrent_backward(model),
    ):
        for batch in islice(data.batches(), data.limit):
            loss = data.loss(model, batch)
            if not bool(torch.isfinite(loss)):
                raise NumericalError(f"The loss of calibration batch {count} is {float(loss.detach())}.")
            check_reached(loss.requires_grad)
            gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
            known = {
                name: at_least_float32(gradient)
                for name, gradient in zip(parameters, gradients, strict=True)
                if gradient is not None
            }
            reached = reached or bool(known)
            yield known
            count += 1
    if not count:
        raise RecipeError(f"The criterion {criterion!r} got no batch: task.batches() was empty.")
    check_reached(reached)


@contextmanager
def _gradients(parameters: Iterable[Tensor]) -> Iterator[None]:
    """Ask for gradients of frozen parameters too; they may be pruned like the others."""
    frozen = [parameter for parameter in parameters if not parameter.requires_grad]
    for parameter in frozen:
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(False)


def _recurrent_backward(model: nn.Module) -> AbstractContextManager[None]:
    """Without cuDNN, which refuses gradients of recurrent layers in evaluation mode, where there are any."""
    recurrent = any(isinstance(module, nn.RNNBase) for module in model.modules())
    return torch.backends.cudnn.flags(enabled=False) if recurrent else nullcontext()
