"""How are weights trained that are made of fewer or coarser numbers?

Each such weight is a function of variables: the table of a codebook, the latent weights and scales of a grid.
The network computes with the weight; after the backward pass its gradient is passed on to the variables,
which the optimizer moves in its place. So every module works, recurrent ones and tied weights included: it
never sees anything but an ordinary parameter.
"""

from typing import Any

import torch
from torch import Tensor, nn

from secateur.core.masks import Masks
from secateur.core.task import Calibration
from secateur.errors import RecipeError
from secateur.graph.weights import prunable
from secateur.quantize import Int8
from secateur.quantize.form import Form, Unchanged
from secateur.recipe import Recipe
from secateur.recovery.activations import RoundedInputs
from secateur.recovery.constraint import Constraint, Free, Grids


def coarse(model: nn.Module, recipe: Recipe, data: Calibration) -> Constraint:
    """Weights by `recipe.compress.method`; what is zero stays zero."""
    return Coarse(model, recipe, data)


class Coarse(Free):
    """Holds the forms of the weights, and the rounding of activations where the method asks for it."""

    def __init__(self, model: nn.Module, recipe: Recipe, data: Calibration) -> None:
        super().__init__(model)
        assert recipe.compress is not None, "only a recipe that compresses comes here"
        method = recipe.compress.method
        coarser = prunable(model, skip=recipe.compress.skip)
        self._weights = prunable(model)
        self.masks = Masks({name: weight.detach() != 0 for name, weight in self._weights.items()})
        self._forms: dict[str, Form] = {
            name: (method if name in coarser else Unchanged)(weight, self.masks.tensors[name])
            for name, weight in self._weights.items()
        }
        self._values: dict[str, Tensor] = {}
        self._put()
        self._inputs = RoundedInputs(model, method, data, coarser) if isinstance(method, Int8) else None
        if not self.parameters():
            raise RecipeError("Nothing is left to train: every parameter of the network is frozen.")

    def parameters(self) -> list[nn.Parameter]:
        """The forms' variables, and the parameters that have no form."""
        held = {id(weight) for weight in self._weights.values()}
        others = [p for p in super().parameters() if id(p) not in held]
        variables = [
            p
            for name, form in self._forms.items()
            if self._weights[name].requires_grad
            for p in form.parameters()
        ]
        return [*variables, *others, *(self._inputs.parameters() if self._inputs else [])]

    def before_step(self) -> None:
        """Pass the gradients of the weights on to what they are made of."""
        for name, weight in self._weights.items():
            if weight.grad is not None:
                torch.autograd.backward(self._values[name], weight.grad)
                weight.grad = None

    def step(self) -> None:
        """Make the weights anew from their variables."""
        self._put()

    def grids(self) -> Grids:
        """The scales of weights and the ranges of activations."""
        scales = {name: form.scales for name, form in self._forms.items()}
        return Grids(
            {name: scale.clone() for name, scale in scales.items() if scale is not None},
            self._inputs.ranges() if self._inputs else {},
        )

    def close(self) -> None:
        """Activations are no longer rounded."""
        if self._inputs:
            self._inputs.close()

    def state_dict(self) -> dict[str, Any]:
        """The variables, and what the forms hold fixed."""
        return {
            "forms": {name: dict(form.state_dict()) for name, form in self._forms.items()},
            "inputs": self._inputs.state_dict() if self._inputs else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with saved variables."""
        for name, form in self._forms.items():
            form.load_state_dict(state["forms"][name])
        if self._inputs:
            self._inputs.load_state_dict(state["inputs"])
        self._put()

    def _put(self) -> None:
        for name, weight in self._weights.items():
            self._values[name] = self._forms[name]()
            weight.data.copy_(self._values[name].detach())
