"""How does a run go on after a stop, with the same bits?"""

import io
import pickle
from pathlib import Path
from typing import Any

import torch
from torch.types import Storage

from secateur.errors import ResumeError
from secateur.files import write_atomically


def save(path: Path, state: dict[str, Any]) -> None:
    """Write tensors, numbers, strings and containers of them, whole or not at all.

    Raises:
        OutputError: the file cannot be written; an earlier checkpoint stays as it was.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomically(path, buffer.getvalue())


def load(path: Path) -> dict[str, Any]:
    """Read what `save` wrote, without running any code from it (`weights_only`).

    Tensors are on the devices they were saved from; on the CPU, where this machine has no such device.

    Raises:
        ResumeError: the file is damaged or not a checkpoint.
    """
    try:
        state = torch.load(path, map_location=_restored, weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError, ValueError) as error:
        raise ResumeError(
            f"The checkpoint {path} cannot be read: {error}. Delete it to begin this stage again."
        ) from error
    if not isinstance(state, dict):
        raise ResumeError(f"{path} is not a checkpoint. Delete it to begin this stage again.")
    return state


def _restored(storage: Storage, device: str) -> Storage:
    """On the device that it was saved from, or as it is, on the CPU."""
    try:
        return torch.serialization.default_restore_location(storage, device)  # type: ignore[no-any-return, no-untyped-call]
    except RuntimeError:
        return storage
