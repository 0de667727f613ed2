"""Could the other filters of the layer stand in for this one?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from secateur.core.precision import at_least_float32
from secateur.core.protocols import Scores
from secateur.core.task import Calibration
from secateur.criteria.outputs import owner, spread, to_outputs

DISTANCES = 2**24
"""Held at a time at most: 64 MiB."""


@dataclass(frozen=True)
class FPGM:
    """The sum of a filter's distances to all others of its weight (He et al., arXiv 1811.00250, eq. 4).

    A filter near the geometric median is one that the others can replace, however large it is. Made for
    whole channels: all elements of a filter score alike. Biases and normalisation weights score zero.
    """

    by_channel: ClassVar[bool] = True

    def __call__(
        self, model: nn.Module, parameters: Mapping[str, Tensor], data: Calibration | None
    ) -> Scores:
        """Distances, spread evenly over each filter; needs no data. Costs filters^2 * elements of one."""
        scores: dict[str, Tensor] = {}
        for name, weight in parameters.items():
            module = owner(model, name)
            if weight.dim() > 1:
                scores[name] = spread(_distances(to_outputs(weight.detach(), module)), weight, module)
            else:
                scores[name] = torch.zeros_like(weight)
        return scores


def _distances(filters: Tensor) -> Tensor:
    """(filters,) the sum of the Euclidean distances to all others."""
    filters = at_least_float32(filters)
    filters = filters - filters.mean(dim=0)  # what all share would cost the fast formula its digits
    few = max(1, DISTANCES // len(filters))
    return torch.cat([torch.cdist(part, filters).sum(dim=1) for part in torch.split(filters, few)])
