"""What is one row of the matrix: a network with random weights, and inputs for it?"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Input:
    """One positional input of a network.

    Attributes:
        shape: without the batch.
        below: whole numbers in [0, below); 0: normally distributed numbers.
    """

    shape: tuple[int, ...]
    below: int = 0

    def draw(self, batch: int, random: torch.Generator) -> Tensor:
        """A random value."""
        if self.below:
            return torch.randint(0, self.below, (batch, *self.shape), generator=random)
        return torch.randn(batch, *self.shape, generator=random)

    def __str__(self) -> str:
        size = "x".join(map(str, self.shape))
        return f"{size} tokens" if self.below else size


@dataclass(frozen=True)
class Architecture:
    """A public architecture.

    Attributes:
        name: "library/name".
        family: the section of the page that it belongs to.
        build: makes it, with the random weights of its library.
        inputs: of one forward call.
    """

    name: str
    family: str
    build: Callable[[], nn.Module]
    inputs: tuple[Input, ...]

    def draw(self, batch: int, seed: int) -> tuple[Tensor, ...]:
        """Random inputs."""
        random = torch.Generator().manual_seed(seed)
        return tuple(part.draw(batch, random) for part in self.inputs)
