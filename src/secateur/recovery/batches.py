"""Which batch comes next, also after a resume?"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch

from secateur.core.blame import users_code
from secateur.core.task import Task
from secateur.errors import ResumeError, TaskError
from secateur.recovery import randomness


class Batches:
    """The task's epochs, one after another, drawn from a random stream of their own.

    Shuffling and augmentation see generators that nothing else draws from, so the batches depend on the
    seed and the position alone: a resumed run skips to its place and goes on with the same ones.
    """

    def __init__(self, task: Task, seed: int) -> None:
        with randomness.preserved():
            randomness.seed_everything(seed)
            self._random = randomness.get_state()
        self._task = task
        self._epoch_start = self._random
        self._position = 0
        self._epoch: Iterator[Any] | None = None
        self._last: Any = None

    def __next__(self) -> Any:
        """The next batch; a new epoch begins where one ends.

        Raises:
            TaskError: the task yields no batch at all, or could not yield them a second time.
        """
        outside = randomness.get_state()
        randomness.set_state(self._random)
        try:
            with users_code("batches()"):
                batch = self._draw()
            self._random = randomness.get_state()
        finally:
            randomness.set_state(outside)
        self._position += 1
        self._last = batch
        return batch

    def _draw(self) -> Any:
        if self._epoch is not None:
            for batch in self._epoch:
                return batch
        first = self._epoch is None
        self._epoch_start = randomness.get_state()
        self._position = 0
        epoch = self._task.batches()
        if first:
            _check_repeatable(epoch, self._task)
        self._epoch = at_least_one(epoch)
        return next(self._epoch)

    def state_dict(self) -> dict[str, Any]:
        """The random state at the start of the epoch, and how many batches of it have been drawn."""
        return {
            "epoch_start": self._epoch_start,
            "position": self._position,
            "last": _fingerprint(self._last),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Begin the saved epoch again and skip to the saved position.

        Raises:
            ResumeError: the task does not yield the batches again that it yielded then.
        """
        self._random = state["epoch_start"]
        self._epoch_start = state["epoch_start"]
        self._epoch = None
        self._position = 0
        for _ in range(state["position"]):
            next(self)
        if _fingerprint(self._last) != state["last"]:
            raise ResumeError(
                "The task yields other batches than before the stop, so the run cannot go on to the same "
                "result. Shuffle with the global generators of torch, NumPy or Python, not with a generator "
                "of the task's own, and leave DataLoader(persistent_workers=...) off."
            )


def at_least_one(batches: Iterable[Any]) -> Iterator[Any]:
    """The batches as they come.

    Raises:
        TaskError: there are none.
    """
    empty = True
    for batch in batches:
        empty = False
        yield batch
    if empty:
        raise TaskError("batches() yielded nothing. Expected at least one training batch per call.")


def _check_repeatable(epoch: Iterable[Any], task: Task) -> None:
    """Refuse an iterator that is handed out again: other trainings would go on where this one stops."""
    with randomness.preserved():
        if isinstance(epoch, Iterator) and task.batches() is epoch:
            raise TaskError(
                f"batches() answers the same {type(epoch).__name__} each time, which ends after one epoch. "
                "Make a new one in it for every call: return a DataLoader or a list, or write it with yield."
            )


def _fingerprint(batch: Any) -> str:
    """SHA-256 of the tensors, arrays, numbers and texts of a batch, in order."""
    digest = hashlib.sha256()
    for leaf in torch.utils._pytree.tree_leaves(batch):
        if isinstance(leaf, torch.Tensor):
            leaf = leaf.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        if isinstance(leaf, np.ndarray) and leaf.dtype.hasobject:
            digest.update(_fingerprint(leaf.tolist()).encode())  # its bytes are addresses of the objects
        elif isinstance(leaf, (np.ndarray, np.generic)):
            digest.update(leaf.tobytes())
        elif isinstance(leaf, (bool, int, float, str, bytes)):
            digest.update(repr(leaf).encode())
    return digest.hexdigest()
