"""How much would the loss change if this channel were shut, to first order?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from secateur.core.precision import at_least_float32
from secateur.core.protocols import Scores
from secateur.core.task import Calibration
from secateur.criteria.gradients import of_batches
from secateur.criteria.outputs import norms_behind, owner, spread, to_outputs


@dataclass(frozen=True)
class Gates:
    """(sum of gradient * weight)^2 over what makes a channel, averaged over batches.

    The sum is the derivative by a gate that multiplies the channel (Molchanov et al., arXiv 1906.10771,
    eq. 9 and section 3.2, Taylor-FO-BN). `Taylor` adds the squares instead, as if each weight went alone.
    Where BatchNorm follows a layer, as `BnScale` finds it, its channels are the BatchNorm's, and the layer
    scores zero; unless no BatchNorm is among the parameters, as where single weights go.

    Made for whole channels, with `Channels(pool="sum", relative=False)`. Each channel of a module is scored
    once: at its bias where that is among the parameters, else spread evenly over the weights that make it.
    """

    by_channel: ClassVar[bool] = True

    def __call__(
        self, model: nn.Module, parameters: Mapping[str, Tensor], data: Calibration | None
    ) -> Scores:
        """Scores from at most `data.limit` batches, in evaluation mode; gradients are not left behind.

        Raises:
            RecipeError: there are no data.
            NumericalError: the loss of a batch is NaN or infinite.
        """
        modules = {name: owner(model, name) for name in parameters}
        norms = norms_behind(model)
        channels = not parameters.keys().isdisjoint(norms.values())
        normed = {name.rpartition(".")[0] for name in norms if channels}
        places = {
            name: _place(name, weight, modules[name], parameters)
            for name, weight in parameters.items()
            if name.rpartition(".")[0] not in normed
        }
        scores = {
            place: at_least_float32(parameters[place]).new_zeros(
                len(to_outputs(parameters[place], modules[place]))
            )
            for place in places.values()
        }
        count = 0
        for gradients in of_batches(model, parameters, data, criterion="gates"):
            gates = {place: torch.zeros_like(score) for place, score in scores.items()}
            for name, gradient in gradients.items():
                if name not in places:
                    continue
                change = to_outputs(gradient * parameters[name].detach(), modules[name])
                gates[places[name]] += change.sum(dim=1)
            for place, gate in gates.items():
                scores[place] += gate**2
            count += 1
        return {
            name: spread(scores[name] / count, weight, modules[name])
            if name in scores
            else torch.zeros_like(weight)
            for name, weight in parameters.items()
        }


def _place(name: str, weight: Tensor, module: nn.Module, parameters: Mapping[str, Tensor]) -> str:
    """The parameter at which the channels of its module are scored: the bias beside it, or itself."""
    prefix, _, own = name.rpartition(".")
    bias = f"{prefix}.{own.replace('weight', 'bias')}".lstrip(".")
    if bias not in parameters:
        return name
    alike = len(to_outputs(parameters[bias], module)) == len(to_outputs(weight, module))
    return bias if alike else name
