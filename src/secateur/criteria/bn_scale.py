"""How much does BatchNorm let through of each channel?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from secateur.core.precision import at_least_float32
from secateur.core.protocols import Scores
from secateur.core.task import Calibration
from secateur.criteria.outputs import BatchNorm, norms_behind, owner, spread, to_outputs
from secateur.errors import RecipeError


@dataclass(frozen=True)
class BnScale:
    """|gamma| of the channel's BatchNorm (Network Slimming, Liu et al., arXiv 1708.06519).

    A layer belongs to the BatchNorm that comes next in the order of `model.modules()`, with no other
    parameters between them and as many channels. Channels of a layer without one have no gamma; they get
    the mean |gamma| of the network times the L1 norm of their weights, relative to the mean of their layer,
    and so count as much as an average channel.

    Each channel is scored once: at the weight of its BatchNorm or else at the bias of its layer, where these
    are among the parameters; else spread evenly over the weights that make it. All else scores zero.
    """

    by_channel: ClassVar[bool] = True

    def __call__(
        self, model: nn.Module, parameters: Mapping[str, Tensor], data: Calibration | None
    ) -> Scores:
        """Scores of channels, at one place each; needs no data.

        Raises:
            RecipeError: the network has no BatchNorm with a learned scale.
        """
        gammas = _gammas(model)
        typical = torch.cat(list(gammas.values())).mean()
        norms = norms_behind(model)
        scores = {name: torch.zeros_like(w) for name, w in parameters.items()}
        for name, weight in parameters.items():
            module, norm = owner(model, name), norms.get(name)
            if name in gammas:
                scores[name] = gammas[name]
            elif weight.dim() > 1 and norm not in parameters:
                channels = gammas[norm] if norm else typical * _relative_norms(weight, module)
                bias = name.removesuffix("weight") + "bias"
                if bias in parameters:
                    scores[bias] = channels
                else:
                    scores[name] = spread(channels, weight, module)
        return scores


def _gammas(model: nn.Module) -> dict[str, Tensor]:
    """|gamma| by the name of the parameter."""
    gammas = {
        f"{place}.weight".lstrip("."): at_least_float32(module.weight.detach()).abs()
        for place, module in model.named_modules()
        if isinstance(module, BatchNorm) and module.weight is not None
    }
    if not gammas:
        raise RecipeError(
            "The criterion 'bn_scale' found no BatchNorm with a learned scale in the network. Choose "
            "'magnitude', or 'taylor', which looks at data."
        )
    return gammas


def _relative_norms(weight: Tensor, module: nn.Module) -> Tensor:
    """(channels,) L1 norms; their mean is 1, unless all are zero."""
    norms = to_outputs(at_least_float32(weight.detach()), module).abs().sum(dim=1)
    return norms / norms.mean() if bool(norms.any()) else norms
