"""How does pruning ride along in a training loop of one's own?"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from secateur.core.copies import first_difference, unwrapped
from secateur.core.masks import Masks
from secateur.core.task import Calibration
from secateur.errors import RecipeError, ResumeError
from secateur.graph.structure import Structure
from secateur.masking import find_masks, find_units, plan
from secateur.recipe import Recipe
from secateur.schedules import step_at


class Pruner:
    """Removes weights by the recipe's schedule and keeps them exactly zero.

    Call `step()` after every `optimizer.step()`; the run has `recipe.recovery.steps` steps. What is due
    before the first step is removed at construction. Where the schedule rewinds, `step()` also puts the
    early weights back and sets `rewound`: start a fresh optimizer then.

    Where the recipe has a penalty (`recovery.penalty`), also call `before_step()` between `backward()` and
    `optimizer.step()`, after a gradient scaler's `unscale_`.

    Args:
        model: the network in training; its parameters are changed in place.
        recipe: what to remove, and when.
        data: batches and loss, for criteria that look at data.
        structure: what hangs together in the network, for patterns such as `Channels`.
        copies: other modules with the same parameter names, such as an exponential moving average,
            whose removed weights are held at zero too.
        state: of an earlier pruner (`state_dict()`), to go on from; nothing is scored or removed then. The
            states of the model and its copies are loaded by the caller.

    Raises:
        RecipeError, GoalError, NumericalError: as `find_masks`.
        ResumeError: the state belongs to another recipe.

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
        structure: Structure | None = None,
        copies: Sequence[nn.Module] = (),
        state: dict[str, Any] | None = None,
    ) -> None:
        layout = plan(model, recipe, structure)
        self.model = model
        self.recipe = recipe
        self.data = data
        self.structure = structure
        self.copies = tuple(map(unwrapped, copies))
        self.steps_done = 0
        self.due = 0.0
        self.rewound = False
        self._groups = layout.groups
        self._complete_at = recipe.complete_at
        self._doomed: dict[str, Tensor] = {}
        self._pulled = False
        self._early: dict[str, Tensor] = {}
        self.masks = Masks(
            {name: torch.ones_like(weight, dtype=torch.bool) for name, weight in layout.weights.items()}
        )
        if state is not None:
            self.load_state_dict(state)
            return
        self.hold()  # copies of another network are refused here, not after a step of training
        if recipe.recovery.penalty is not None:
            self._doomed = find_units(model, recipe, data=data, structure=structure)
        self._keep_early_weights()
        self._follow_schedule()

    def before_step(self) -> None:
        """Add the recipe's penalty to the gradients, until all that is to go is gone; nothing without one.

        Parameters that have no gradient are left alone.
        """
        self._pulled = True
        penalty = self.recipe.recovery.penalty
        if penalty is None or self.finished:
            return
        weights = {name: p for name, p in self.model.named_parameters() if name in self.masks.tensors}
        progress = (self.steps_done + 1) / self._complete_at
        for name, gradient in penalty(self._groups, weights, self._doomed, progress).items():
            grad = weights[name].grad
            if grad is not None:
                grad.add_(gradient)

    def step(self) -> None:
        """Hold the zeros after an optimizer step, and remove what is due before the next one.

        Raises:
            RecipeError: the recipe has a penalty, and `before_step` was not called since the last step.
        """
        penalty = self.recipe.recovery.penalty
        if penalty is not None and not self._pulled and not self.finished:
            raise RecipeError(
                f"The recipe has recovery.penalty = {penalty}, and before_step() was not called. Call "
                "pruner.before_step() between backward() and optimizer.step(), or leave the penalty out."
            )
        self._pulled = False
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
            "doomed": dict(self._doomed),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state; the model's own state is loaded by the caller.

        For a pruner that has removed nothing yet. `Pruner(..., state=state)` goes on in any case.

        Raises:
            ResumeError: the state belongs to another recipe or network, or this pruner has removed weights
                that the saved one keeps.
        """
        missing = sorted(self.state_dict().keys() - set(state))
        if missing:
            raise ResumeError(
                f"The state lacks {', '.join(missing)}. Expected what pruner.state_dict() answered."
            )
        if state["fingerprint"] != self.recipe.fingerprint:
            raise ResumeError(
                f"The saved pruner follows recipe {state['fingerprint']}, this one "
                f"{self.recipe.fingerprint}. Resume with the recipe that the run was started with."
            )
        own = {name: tuple(mask.shape) for name, mask in self.masks.tensors.items()}
        theirs = {name: tuple(mask.shape) for name, mask in state["masks"].items()}
        name = first_difference(own, theirs)
        if name is not None:
            raise ResumeError(
                f"The saved pruner belongs to another network: its mask of {name!r} has the shape "
                f"{theirs.get(name)}, here {own.get(name)}. Resume with the network that the run was "
                "started with."
            )
        weights = dict(self.model.named_parameters())
        masks = Masks({name: mask.to(weights[name].device) for name, mask in state["masks"].items()})
        lost = sum(int((mask & ~self.masks.tensors[name]).sum()) for name, mask in masks.tensors.items())
        if lost:
            raise ResumeError(
                f"This pruner has set {lost:,} weights to zero that the saved one keeps; their values may be "
                "lost. Load the model's state, then make a new one: Pruner(model, recipe, state=state)."
            )
        self.steps_done = state["steps_done"]
        self.due = state["due"]
        self.masks = masks
        self._early = dict(state["early"])
        self._doomed = dict(state["doomed"])
        self.hold()

    def _follow_schedule(self) -> None:
        """Ask the schedule, and find new masks where it wants more to be gone."""
        steps = self.recipe.recovery.steps
        due = self.recipe.schedule(self.steps_done, steps) if steps else 1.0
        if due is None or due <= self.due or self.steps_done > steps:
            return
        self.due = due
        self.masks = find_masks(
            self.model,
            self.recipe,
            data=self.data,
            due=due,
            previous=self.masks,
            structure=self.structure,
        )
        self.hold()

    def _keep_early_weights(self) -> None:
        """Copy the weights at the step of the first round that later rounds start from."""
        rewind = self.recipe.schedule.rewind
        if rewind is not None:
            _, length = self.recipe.schedule.round(0, self.recipe.recovery.steps)
            if self.steps_done == step_at(rewind, length):
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
