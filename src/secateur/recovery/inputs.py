"""With which inputs does a task call its network? Only the task knows what a batch is, so it is watched."""

import inspect
from typing import Any

import torch
from torch import nn

from secateur.core.blame import users_code
from secateur.core.modes import evaluation_mode
from secateur.core.task import Task
from secateur.errors import TaskError
from secateur.in_runtime import Inputs, call_inputs
from secateur.recovery import randomness
from secateur.recovery.batches import Batches


def seen_inputs(model: nn.Module, task: Task, count: int, seed: int) -> list[Inputs]:
    """The inputs of the forward calls on `count` training batches, as a file of the network takes them.

    Raises:
        TaskError: the task's loss does not call the network itself, or with other tensors than its example.
    """
    return [call_inputs(call, task.example_inputs) for call in seen_calls(model, task, count, seed)]


@torch.no_grad()
def seen_calls(model: nn.Module, task: Task, count: int, seed: int) -> list[inspect.BoundArguments]:
    """What the forward calls on `count` training batches pass to which parameter.

    Raises:
        TaskError: the task's loss does not call the network itself.
    """
    seen: list[inspect.BoundArguments] = []
    signature = inspect.signature(model.forward)

    def watch(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        seen.append(signature.bind(*args, **kwargs))

    batches = Batches(task, seed)
    handle = model.register_forward_pre_hook(watch, with_kwargs=True)
    try:
        with evaluation_mode(model), randomness.preserved(), users_code("loss(model, batch)"):
            for _ in range(count):
                task.loss(model, next(batches))
    finally:
        handle.remove()
    if not seen:
        raise TaskError(
            "loss(model, batch) did not call the network, so its inputs cannot be seen. Expected a loss that "
            "calls model(...)."
        )
    return seen
