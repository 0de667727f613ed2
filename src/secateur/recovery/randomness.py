"""Where does chance come from, and how is it put back where it was?"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

State = dict[str, Any]


def seed_everything(seed: int) -> None:
    """Start torch's, NumPy's and Python's global generators from one seed."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def get_state() -> State:
    """The state of the three global generators, as tensors and plain numbers.

    Accelerators have generators of their own. CUDA's are asked only where CUDA is in use already: to ask
    would claim memory on every GPU of the machine.
    """
    version, words, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],  # type: ignore[no-untyped-call]
        "mps": torch.mps.get_rng_state() if torch.backends.mps.is_available() else None,
        "python": [version, list(words), gauss],
        "numpy": [kind, torch.from_numpy(np.asarray(keys).astype(np.int64)), position, has_gauss, cached],
    }


def set_state(state: State) -> None:
    """Put the three global generators into a state from `get_state`, which may be another machine's."""
    torch.set_rng_state(state["torch"])
    for device, generator in enumerate(state["cuda"]):
        if device < torch.cuda.device_count():
            torch.cuda.set_rng_state(generator, device)
    if state.get("mps") is not None and torch.backends.mps.is_available():
        torch.mps.set_rng_state(state["mps"])
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    kind, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has_gauss, cached))


@contextmanager
def preserved() -> Iterator[None]:
    """Whatever is drawn inside leaves the generators as they were, so looking does not change a run."""
    state = get_state()
    try:
        yield
    finally:
        set_state(state)
