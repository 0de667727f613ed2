"""How does pruning ride along in a training loop of one's own?"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from secateur.core.masks import Masks
from secateur.core.task import Calibration
from secateur.errors import ResumeError
from secateur.masking import find_masks, plan
from secateur.recipe import Recipe


class Pruner:
    """Removes weights by the recipe's schedule and keeps them exactly zero.

    Call `step()` after every `optimizer.step()`; the run has `recipe.recovery.steps` steps. What is due
    before the first step is removed at construction. Where the schedule rewinds, `step()` also puts the
    early weights back and sets `rewound`: start a fresh optimizer then.

    Args:
        model: the network in training; its parameters are changed in place.
        recipe: what to remove, and when.
        data: batches and loss, for criteria that look at data.
        copies: other modules with the same parameter names, such as an exponential moving average,
            whose removed weights are held at zero too.

    Raises:
        RecipeError, GoalError, NumericalError: as `find_masks`.

    Example:
        >>> import torch, secateur
        >>> model = torch.nn.Linear(8, 4)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        >>> recovery = secateur.Recovery(steps=20)
        >>> pruner = secateur.Pruner(model, secateur.Recipe(sparsity=0.75, recovery=recovery))
        >>> for _ in range(20):
        ...     optimizer.zero_grad()
        ...     model(torch.ones(2, 8)).square().sum().backward()
        ...     optimizer.step()
        ...     pruner.step()
        >>> pruner.masks.sparsity, int((model.weight == 0).sum())
        (0.75, 24)
    """

    def __init__(
        self,
        model: nn.Module,
        recipe: Recipe,
        *,
        data: Calibration | None = None,
        copies: Sequence[nn.Module] = (),
    ) -> None:
        weights = plan(model, recipe).weights
        self.model = model
        self.recipe = recipe
        self.data = data
        self.copies = tuple(copies)
        self.steps_done = 0
        self.due = 0.0
        self.rewound = False
        self._early: dict[str, Tensor] = {}
        self.masks = Masks(
            {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in weights.items()}
        )
        self._keep_early_weights()
        self._follow_schedule()

    def step(self) -> None:
        """Hold the zeros after an optimizer step, and remove what is due before the next one."""
        self.steps_done += 1
        self._keep_early_weights()
        self._follow_schedule()
        self.rewound = self._rewind()
        self.hold()

    def hold(self) -> None:
        """Set every removed weight to zero, in the model and its copies."""
        for module in (self.model, *self.copies):
            self.masks.apply_(module)

    @property
    def finished(self) -> bool:
        """Whether the whole goal has been removed."""
        return self.due >= 1.0

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers and strings only."""
        return {
            "fingerprint": self.recipe.fingerprint,
            "steps_done": self.steps_done,
            "due": self.due,
            "masks": dict(self.masks.tensors),
            "early": dict(self._early),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state; the model's own state is loaded by the caller.

        Raises:
            ResumeError: the state belongs to another recipe.
        """
        if state["fingerprint"] != self.recipe.fingerprint:
            raise ResumeError(
                f"The saved pruner follows recipe {state['fingerprint']}, this one "
                f"{self.recipe.fingerprint}. Resume with the recipe that the run was started with."
            )
        self.steps_done = state["steps_done"]
        self.due = state["due"]
        weights = dict(self.model.named_parameters())
        self.masks = Masks({name: mask.to(weights[name].device) for name, mask in state["masks"].items()})
        self._early = dict(state["early"])
        self.hold()

    def _follow_schedule(self) -> None:
        """Ask the schedule, and find new masks where it wants more to be gone."""
        steps = self.recipe.recovery.steps
        due = self.recipe.schedule(self.steps_done, steps) if steps else 1.0
        if due is None or due <= self.due or self.steps_done > steps:
            return
        self.due = due
        self.masks = find_masks(self.model, self.recipe, data=self.data, due=due, previous=self.masks)
        self.hold()

    def _keep_early_weights(self) -> None:
        """Copy the weights at the step of the first round that later rounds start from."""
        rewind = self.recipe.schedule.rewind
        if rewind is not None:
            _, length = self.recipe.schedule.round(0, self.recipe.recovery.steps)
            if self.steps_done == int(rewind * length):
                self._early = {name: t.detach().clone() for name, t in self.model.state_dict().items()}

    def _rewind(self) -> bool:
        """Put the early weights back at the start of a later round."""
        steps = self.recipe.recovery.steps
        if not self._early or self.steps_done >= steps:
            return False
        start, _ = self.recipe.schedule.round(self.steps_done, steps)
        if self.steps_done != start:
            return False
        self.model.load_state_dict(self._early)
        return True
