"""Is what the user brought a task?"""

import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from secateur.core.task import Task
from secateur.errors import TaskError, did_you_mean

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
    file, colon, name = spec.rpartition(":")
    if not colon or not file.endswith(".py") or not name:
        raise TaskError(f"--task {spec!r}: expected FILE.py:NAME, for example task.py:MyTask.")
    path = Path(file)
    if not path.is_file():
        raise TaskError(f"The task file {file} does not exist. `secateur init DIR` writes one to start from.")
    module = import_file(path)
    if not hasattr(module, name):
        names = [n for n in vars(module) if not n.startswith("_")]
        raise TaskError(f"{file} has no {name!r}.{did_you_mean(name, names)}")
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
            f"{_name(task)}.example_inputs is {type(inputs).__name__}. Expected "
            f"{ATTRIBUTES['example_inputs']}; for one input write (x,)."
        )
    checked: Task = task
    return checked


def import_file(path: Path) -> ModuleType:
    """Run the file as a module; its folder is importable, as for a script.

    Raises:
        TaskError: the import fails; the message holds the user's own traceback.
    """
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None, "a .py file has a spec"
    assert spec.loader is not None, "and a loader"
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise TaskError(f"{path} failed to import:\n\n{_users_traceback(error)}") from error
    return module


def _made(found: Any, spec: str) -> Any:
    """The object itself, or what the class or function makes."""
    if not isinstance(found, type) and (hasattr(found, "evaluate") or not callable(found)):
        return found
    try:
        return found()
    except Exception as error:
        raise TaskError(
            f"{spec} failed when called without arguments:\n\n{_users_traceback(error)}"
        ) from error


def _users_traceback(error: Exception) -> str:
    """The traceback from the user's own file on; secateur's and importlib's frames tell nothing."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "importlib" not in f.filename and f.filename != __file__]
    return "".join([*traceback.format_list(own), *traceback.format_exception_only(error)]).rstrip()


def _name(task: Any) -> str:
    return task.__name__ if isinstance(task, type) else type(task).__name__
