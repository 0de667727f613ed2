"""What must hold of the weights while an optimizer moves them?

Three constraints: none (`free`), removed weights stay zero (`pruning`), and weights made of fewer or coarser
numbers (`secateur.recovery.coarse`). A training knows only this interface.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeAlias

from torch import Tensor, nn

from secateur.core.masks import Masks
from secateur.core.task import Calibration
from secateur.graph.structure import Structure
from secateur.pruner import Pruner
from secateur.quantize.onnx.ranges import Range
from secateur.recipe import Recipe
from secateur.recovery.refit import refit_


@dataclass(frozen=True, eq=False)  # tensors have no one truth value
class Grids:
    """Where numbers were rounded to evenly spaced values.

    Attributes:
        scales: weight -> (rows,) distance of two neighbouring values in each row.
        ranges: weight -> lowest and highest value of the activations that enter its layer.
    """

    scales: Mapping[str, Tensor] = field(default_factory=dict)
    ranges: Mapping[str, Range] = field(default_factory=dict)

    def renamed(self, names: Mapping[str, str]) -> "Grids":
        """The same by other names; what has none is left out."""
        return Grids(
            {names[name]: scale for name, scale in self.scales.items() if name in names},
            {names[name]: ends for name, ends in self.ranges.items() if name in names},
        )


class Constraint(Protocol):
    """Asked around every optimizer step."""

    @property
    def masks(self) -> Masks:
        """Which elements stay."""

    @property
    def finished(self) -> bool:
        """Whether all that was asked for holds, so that this network may be the one that is kept."""

    @property
    def rewound(self) -> bool:
        """Whether the last step put early weights back; the optimizer starts afresh then."""

    def parameters(self) -> list[nn.Parameter]:
        """What the optimizer trains."""

    def before_step(self) -> None:
        """Gradients are there; the optimizer moves next."""

    def step(self) -> None:
        """The optimizer has moved."""

    def grids(self) -> Grids:
        """Where numbers are rounded to, now."""

    def close(self) -> None:
        """Leave no hook on the network."""

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers, strings and containers of them."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state; the network's own state is loaded by the caller."""


Hold: TypeAlias = Callable[[nn.Module, Recipe, Calibration], Constraint]
"""Puts a network under a constraint, which may change its weights at once."""


class Free:
    """Nothing has to hold."""

    masks = Masks()
    finished = True
    rewound = False

    def __init__(self, model: nn.Module) -> None:
        self._model = model

    def parameters(self) -> list[nn.Parameter]:
        """All that ask for gradients."""
        return [p for p in self._model.parameters() if p.requires_grad]

    def before_step(self) -> None:
        """Nothing."""

    def step(self) -> None:
        """Nothing."""

    def grids(self) -> Grids:
        """None."""
        return Grids()

    def close(self) -> None:
        """Nothing."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing to keep."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing was kept."""


class Pruning(Free):
    """Weights go by the recipe's schedule, and removed ones stay zero; the recipe may refit the others."""

    def __init__(
        self, model: nn.Module, recipe: Recipe, data: Calibration, structure: Structure | None
    ) -> None:
        super().__init__(model)
        self._data = replace(data, limit=recipe.recovery.refit_batches)
        self._complete_at = recipe.complete_at
        with self._refitted(step=0):
            self._pruner = Pruner(model, recipe, data=data, structure=structure)

    @contextmanager
    def _refitted(self, step: int) -> Iterator[None]:
        """Where all goes inside, the layers are fitted to what they answered before."""
        if step != self._complete_at or not self._data.limit:
            yield
            return
        before = copy.deepcopy(self._model)
        yield
        refit_(self._model, before, self.masks, self._data)

    @property
    def masks(self) -> Masks:  # type: ignore[override]
        """The pruner's."""
        return self._pruner.masks

    @property
    def finished(self) -> bool:  # type: ignore[override]
        """Whether the whole goal has been removed."""
        return self._pruner.finished

    @property
    def rewound(self) -> bool:  # type: ignore[override]
        """Whether the last step put early weights back."""
        return self._pruner.rewound

    def before_step(self) -> None:
        """Pull at what is still to go, where the recipe has a penalty."""
        self._pruner.before_step()

    def step(self) -> None:
        """Hold the zeros, and remove what is due."""
        with self._refitted(self._pruner.steps_done + 1):
            self._pruner.step()

    def state_dict(self) -> dict[str, Any]:
        """The pruner's."""
        return self._pruner.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """A pruner that goes on from there, in place of the one that began anew."""
        begun = self._pruner
        self._pruner = Pruner(
            self._model, begun.recipe, data=begun.data, structure=begun.structure, state=state
        )


def free(model: nn.Module, _recipe: Recipe, _data: Calibration) -> Constraint:
    """Every weight may move: the dense control."""
    return Free(model)


def pruning(
    model: nn.Module, recipe: Recipe, data: Calibration, structure: Structure | None = None
) -> Constraint:
    """Weights go by the recipe, and stay zero; whole channels as the network's structure says."""
    return Pruning(model, recipe, data, structure)
