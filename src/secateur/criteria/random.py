"""Chance: the baseline that every criterion must beat."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from secateur.core.groups import Group
from secateur.core.protocols import Scores
from secateur.core.task import Calibration


@dataclass(frozen=True)
class Random:
    """Uniform scores that depend only on `seed`, the parameter's name and its shape.

    The same at every call, so that masks stay nested along a schedule. Where whole channels, heads or blocks
    go, each is drawn once: pooled scores of single weights would make small units, or large ones, likelier.
    """

    seed: int = 0

    def __call__(
        self,
        model: nn.Module,
        parameters: Mapping[str, Tensor],
        data: Calibration | None,
    ) -> Scores:
        """Scores in [0, 1); needs no data and leaves the global generator alone."""
        return {name: self._scores(name, w) for name, w in parameters.items()}

    def of_units(self, group: Group) -> Tensor:
        """(units,) the same chance for every unit of the network, whatever it takes along."""
        return torch.rand(group.units, generator=self._generator(group.name), dtype=torch.float64)

    def _scores(self, name: str, weight: Tensor) -> Tensor:
        return torch.rand(weight.shape, generator=self._generator(name)).to(weight.device)

    def _generator(self, name: str) -> torch.Generator:
        """One for each parameter or group, so that skipping one leaves the others' scores as they were."""
        digest = hashlib.sha256(f"{self.seed}:{name}".encode()).digest()
        return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little", signed=True))
