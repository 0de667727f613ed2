"""How much does this weight add to its layer's output, on real inputs?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from secateur.core.modes import layer_input
from secateur.core.precision import at_least_float32
from secateur.core.protocols import Scores
from secateur.core.task import Calibration
from secateur.criteria.calibration import needed, watch
from secateur.criteria.outputs import holders, owner
from secateur.errors import RecipeError

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
KNOWN = (nn.Linear, *CONVOLUTIONS)


@dataclass(frozen=True)
class Wanda:
    """|weight| * L2 norm of the input feature it multiplies (Sun et al., arXiv 2306.11695, eq. 1).

    The norm runs over all examples and positions: for a convolution, one per input channel. The paper
    ranks within each output row of a linear layer; here the pattern and the allocation decide that.
    Where layers share a weight, all of their inputs count.

    Biases and normalisation weights multiply no feature of their own and score zero.
    """

    def __call__(
        self, model: nn.Module, parameters: Mapping[str, Tensor], data: Calibration | None
    ) -> Scores:
        """Scores from at most `data.limit` batches, in evaluation mode.

        Raises:
            RecipeError: there are no data, or a parameter with two or more axes is not the weight of a
                linear layer or a convolution, so its inputs cannot be seen.
        """
        data = needed(data, "wanda")
        layers = _owners(model, [name for name, weight in parameters.items() if weight.dim() > 1])
        squares = _input_squares(model, layers, data)
        return {
            name: weight.detach().abs() * _along_inputs(squares[name].sqrt(), layers[name], weight)
            if name in layers
            else torch.zeros_like(weight)
            for name, weight in parameters.items()
        }


def _owners(model: nn.Module, names: Iterable[str]) -> dict[str, nn.Module]:
    """The linear layer or convolution that each weight belongs to."""
    found = {name: owner(model, name) for name in names}
    unknown = [
        name for name, module in found.items() if not (name.endswith("weight") and isinstance(module, KNOWN))
    ]
    if unknown:
        kinds = ", ".join(sorted({type(found[name]).__name__ for name in unknown}))
        raise RecipeError(
            f"The criterion 'wanda' cannot see the inputs of {', '.join(unknown)}, of {kinds}; it knows "
            f"Linear and Conv. Leave them out with skip = {unknown}, or choose 'magnitude' or 'taylor'."
        )
    return found


def _input_squares(model: nn.Module, layers: Mapping[str, nn.Module], data: Calibration) -> dict[str, Tensor]:
    """Sum of squares of each input feature, (in,) by parameter name."""
    squares: dict[str, Tensor] = {}

    def watched(name: str, module: nn.Module) -> Any:
        def hook(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            x = at_least_float32(layer_input(args, kwargs).detach())
            if isinstance(module, CONVOLUTIONS):
                unbatched = x.dim() == len(module.kernel_size) + 1
                x = (x[None] if unbatched else x).movedim(1, -1)
            total = x.reshape(-1, x.shape[-1]).square().sum(dim=0)
            squares[name] = squares[name] + total if name in squares else total

        return module.register_forward_pre_hook(hook, with_kwargs=True)

    held = [(name, module) for name, module in holders(model, layers) if isinstance(module, KNOWN)]
    watch(model, data, [watched(name, module) for name, module in held])
    unseen = [name for name in layers if name not in squares]
    if unseen:
        raise RecipeError(
            f"The criterion 'wanda' saw no input of {', '.join(unseen)}: the layer was not called on "
            f"any of the calibration batches. Leave it out with skip = {unseen}."
        )
    return squares


def _along_inputs(norm: Tensor, layer: nn.Module, weight: Tensor) -> Tensor:
    """Norms (in,) in a shape that multiplies the weight (out, in / groups, *kernel)."""
    if not isinstance(layer, CONVOLUTIONS):
        return norm
    per_group = norm.reshape(layer.groups, 1, -1)
    rows = per_group.expand(-1, weight.shape[0] // layer.groups, -1).reshape(weight.shape[:2])
    return rows.reshape(*weight.shape[:2], *[1] * (weight.dim() - 2))
