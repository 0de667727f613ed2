"""How loud is each channel, on real inputs?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from secateur.core.precision import at_least_float32
from secateur.core.protocols import Scores
from secateur.core.task import Calibration
from secateur.criteria.calibration import needed, watch
from secateur.criteria.outputs import EMBEDDINGS, TRANSPOSED, holders, owner, spread, to_outputs
from secateur.errors import RecipeError

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, *TRANSPOSED, *EMBEDDINGS)
"""Their weights make channels."""
AXES: tuple[tuple[tuple[type[nn.Module], ...], int], ...] = (
    ((nn.Linear, *EMBEDDINGS), -1),
    ((nn.Conv1d, nn.ConvTranspose1d, nn.InstanceNorm1d), -2),
    ((nn.Conv2d, nn.ConvTranspose2d, nn.InstanceNorm2d), -3),
    ((nn.Conv3d, nn.ConvTranspose3d, nn.InstanceNorm3d), -4),
    ((nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.PReLU), 1),
)
"""Along which axis of their outputs the channels lie."""
KNOWN = tuple(module for modules, _ in AXES for module in modules)


@dataclass(frozen=True)
class Activation:
    """The mean |output| of the channel, over all examples and positions.

    The output is that of the layer or the normalisation that the parameter belongs to; Molchanov et al.
    (arXiv 1611.06440, section 2.2) take it behind the activation function. Made for whole channels: a
    weight's score is spread evenly over the elements that make the channel, a bias and a normalisation
    weight have the mean itself.

    What makes no channel of one layer scores zero: what is added or multiplied everywhere (class tokens,
    position embeddings, scales of whole blocks), and vectors whose axis is not found in the output.
    """

    by_channel: ClassVar[bool] = True

    def __call__(
        self, model: nn.Module, parameters: Mapping[str, Tensor], data: Calibration | None
    ) -> Scores:
        """Scores from at most `data.limit` batches, in evaluation mode.

        Raises:
            RecipeError: there are no data, a layer was not called on them, or a parameter with two or more
                axes belongs to none of the layers whose outputs are known.
        """
        data = needed(data, "activation")
        _refuse_unknown(model, parameters)
        means = _mean_outputs(model, parameters, data)
        return {
            name: spread(means[name], weight, owner(model, name))
            if name in means
            else torch.zeros_like(weight)
            for name, weight in parameters.items()
        }


def _refuse_unknown(model: nn.Module, parameters: Mapping[str, Tensor]) -> None:
    unknown = [
        name
        for name, weight in parameters.items()
        if weight.dim() > 1 and not _broadcast(weight) and not isinstance(owner(model, name), LAYERS)
    ]
    if unknown:
        kinds = ", ".join(sorted({type(owner(model, name)).__name__ for name in unknown}))
        raise RecipeError(
            f"The criterion 'activation' cannot see the channels of {', '.join(unknown)}, of {kinds}; it "
            "knows Linear, Conv, ConvTranspose and Embedding. Leave them out with "
            f"skip = {unknown}, or choose 'magnitude' or 'taylor'."
        )


def _broadcast(weight: Tensor) -> bool:
    """Whether it is added or multiplied everywhere: one for the whole batch, or one number per channel."""
    return weight.shape[0] == 1 or weight.numel() == max(weight.shape)


def _mean_outputs(model: nn.Module, parameters: Mapping[str, Tensor], data: Calibration) -> dict[str, Tensor]:
    """(channels,) by parameter name, of those whose channels are found in the output."""
    layers = {name: owner(model, name) for name, weight in parameters.items() if weight.dim()}
    layers = {name: m for name, m in layers.items() if isinstance(m, KNOWN) or not list(m.children())}
    called: set[str] = set()
    sums: dict[str, Tensor] = {}
    positions: dict[str, int] = {}

    def watched(name: str, module: nn.Module) -> Any:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            called.add(name)
            axis = _axis(module, parameters[name], output)
            if axis is not None:
                loud = at_least_float32(output.detach()).abs().movedim(axis, -1)
                loud = loud.reshape(-1, output.shape[axis])
                sums[name] = sums.get(name, 0) + loud.sum(dim=0)
                positions[name] = positions.get(name, 0) + len(loud)

        return module.register_forward_hook(hook)

    watch(model, data, [watched(name, module) for name, module in holders(model, layers)])
    uncalled = [name for name in layers if name not in called]
    if uncalled:
        raise RecipeError(
            f"The criterion 'activation' saw no output of {', '.join(uncalled)}: the layer was not called on "
            f"any of the calibration batches. Leave it out with skip = {uncalled}."
        )
    return {name: total / positions[name] for name, total in sums.items()}


def _axis(module: nn.Module, weight: Tensor, output: Any) -> int | None:
    """Along which axis of the module's output do the channels of its weight lie? None: along none."""
    if not isinstance(output, Tensor):
        return None
    channels = len(to_outputs(weight, module))
    known = [axis for modules, axis in AXES if isinstance(module, modules)]
    # Of modules that are not known, images have their channels in front, sequences and vectors last.
    likely = known or ([1, -1] if output.dim() > 3 else [-1, 1])
    there = [axis for axis in likely if -output.dim() <= axis < output.dim()]
    return next((axis for axis in there if output.shape[axis] == channels), None)
