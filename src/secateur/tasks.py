"""Is what the user brought a task?"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from secateur.core.blame import users_code
from secateur.core.task import Task
from secateur.errors import TaskError, did_you_mean
from secateur.graph.weights import no_values
from secateur.recovery import randomness
from secateur.task_spec import file_and_name

METHODS = {
    "batches": "batches(self) -> Iterable: one epoch of training batches",
    "loss": "loss(self, model, batch) -> Tensor: a scalar to minimise",
    "evaluate": "evaluate(self, model) -> secateur.Metric: the yardstick",
}
ATTRIBUTES = {
    "model": "model: torch.nn.Module, the trained network",
    "example_inputs": "example_inputs: a tuple of tensors, the positional inputs of one forward call",
}


def load_task(spec: str) -> Task:
    """The task in `FILE.py:NAME`, where NAME is a class or function to call, or an object.

    Raises:
        TaskError: the file or the name is not there, the import fails (with the user's own traceback),
            or the object is no task.
    """
    path, name = file_and_name(spec)
    module = import_file(path)
    if not hasattr(module, name):
        names = [n for n in vars(module) if not n.startswith("_")]
        raise TaskError(f"{path} has no {name!r}.{did_you_mean(name, names)}")
    return check_task(_made(getattr(module, name), spec))


def check_task(task: Any) -> Task:
    """The same object, if it has what a task needs.

    Raises:
        TaskError: names what is missing, with the signature to write.
    """
    missing = [text for name, text in {**ATTRIBUTES, **METHODS}.items() if not hasattr(task, name)]
    if missing:
        listed = "".join(f"\n  {text}" for text in missing)
        raise TaskError(f"{_name(task)} is not a task yet. It lacks:{listed}")
    for name, text in METHODS.items():
        if not callable(getattr(task, name)):
            raise TaskError(f"{_name(task)}.{name} is not a method. Expected {text}.")
    if not isinstance(task.model, nn.Module):
        raise TaskError(
            f"{_name(task)}.model is a {type(task.model).__name__}. Expected {ATTRIBUTES['model']}."
        )
    inputs = task.example_inputs
    if not isinstance(inputs, tuple) or not all(isinstance(x, torch.Tensor) for x in inputs) or not inputs:
        raise TaskError(
            f"{_name(task)}.example_inputs is {_kinds(inputs)}. Expected "
            f"{ATTRIBUTES['example_inputs']}; for one input write (x,)."
        )
    if wrong := no_values(task.model.named_parameters()):
        raise TaskError(wrong)
    if not any(True for _ in task.model.parameters()):
        raise TaskError(f"{_name(task)}.model has no parameters, so there is nothing to prune.")
    if not any(parameter.requires_grad for parameter in task.model.parameters()):
        raise TaskError(
            f"No parameter of {_name(task)}.model can be trained: all have requires_grad = False. Call "
            "model.requires_grad_(True), so that what pruning costs can be recovered."
        )
    checked: Task = task
    return checked


def _kinds(inputs: Any) -> str:
    """What was given in place of a tuple of tensors."""
    if isinstance(inputs, tuple) and inputs:
        return f"a tuple of {', '.join(type(each).__name__ for each in inputs)}"
    return "an empty tuple" if inputs == () else f"a {type(inputs).__name__}"


def check_narrow(task: Task) -> None:
    """Before minutes of training: what the small dense baseline, which comes last, needs of a task.

    Raises:
        TaskError: `narrow` answers no network, or `training_steps` is no number of steps.
    """
    narrow, steps = getattr(task, "narrow", None), getattr(task, "training_steps", 0)
    if not isinstance(steps, int) or steps < 0:
        raise TaskError(
            f"{_name(task)}.training_steps is {steps!r}. Expected how many steps the dense network was "
            "trained for, a whole number; without it the small dense baseline gets those of recovery."
        )
    if narrow is None:
        return
    with randomness.preserved(), users_code("narrow()"):
        model = narrow(0.5)
    if not isinstance(model, nn.Module):
        raise TaskError(
            f"narrow(0.5) answered {type(model).__name__}. Expected an nn.Module, a network of half the "
            "width; without narrow() there is no small dense baseline."
        )


def import_file(path: Path) -> ModuleType:
    """Run the file as a module; its folder is importable, as for a script.

    Raises:
        TaskError: the import fails; the message holds the user's own traceback.
    """
    name = f"_secateur_task_{path.stem}"  # not the bare name: random.py must not take random's place
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None, "a .py file has a spec"
    assert spec.loader is not None, "and a loader"
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))
    sys.modules[name] = module
    with users_code(f"The import of {path}"):
        spec.loader.exec_module(module)
    return module


def _made(found: Any, spec: str) -> Any:
    """The object itself, or what the class or function makes."""
    if not isinstance(found, type) and (hasattr(found, "evaluate") or not callable(found)):
        return found
    with users_code(f"{spec}, called without arguments,"):
        return found()


def _name(task: Any) -> str:
    return task.__name__ if isinstance(task, type) else type(task).__name__
