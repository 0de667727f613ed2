"""Which elements stay: boolean tensors by parameter name, True stays."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from secateur.errors import RecipeError


@dataclass(frozen=True, eq=False)  # tensors have no one truth value; compare hash() instead
class Masks:
    """Masks by parameter name; `True` stays. Parameters without a mask are left alone."""

    tensors: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, mask in self.tensors.items():
            if mask.dtype != torch.bool:
                raise RecipeError(
                    f"The mask of {name} has elements of {mask.dtype}. Expected torch.bool, True where an "
                    "element stays: mask.bool()."
                )

    def __repr__(self) -> str:
        tensors = f"{len(self.tensors)} tensor{'s'[: len(self.tensors) != 1]}"
        share = f"{100 * self.sparsity:.1f} %"
        return f"Masks({tensors}, {self.removed:,} of {self.total:,} elements removed, {share})"

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    @property
    def total(self) -> int:
        """Elements that carry a mask."""
        return sum(mask.numel() for mask in self.tensors.values())

    @property
    def removed(self) -> int:
        """Elements that are gone."""
        return sum(int((~mask).sum()) for mask in self.tensors.values())

    @property
    def sparsity(self) -> float:
        """Removed fraction of the masked elements, 0 where nothing is masked."""
        return self.removed / self.total if self.total else 0.0

    def hash(self) -> str:
        """SHA-256 of names, shapes and bits: equal masks on every rank and machine have equal hashes."""
        digest = hashlib.sha256()
        for name in sorted(self.tensors):
            mask = self.tensors[name]
            digest.update(f"{name}{tuple(mask.shape)}".encode())
            digest.update(mask.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def parameters(self, model: nn.Module) -> dict[str, nn.Parameter]:
        """Those of the model that carry a mask.

        Raises:
            RecipeError: the masks are another model's: it has no such parameter, or one of another shape.
        """
        every = dict(model.named_parameters(remove_duplicate=False))
        for name, mask in self.tensors.items():
            if name not in every:
                raise RecipeError(
                    f"The masks name the parameter {name!r}, which this model does not have. "
                    "Apply masks to the model they were found for, or to a copy of it."
                )
            if every[name].shape != mask.shape:
                raise RecipeError(
                    f"The mask of {name} has shape {tuple(mask.shape)}, the parameter of this model "
                    f"{tuple(every[name].shape)}. Apply masks to the model they were found for; after a cut, "
                    "what is left needs new ones (a new Pruner, in a loop)."
                )
        return {name: every[name] for name in self.tensors}

    @torch.no_grad()
    def apply_(self, model: nn.Module) -> None:
        """Set removed elements to +0.0 in place (not -0.0, which a product with the mask would give).

        Raises:
            RecipeError: as `parameters`.
        """
        for name, parameter in self.parameters(model).items():
            parameter.masked_fill_(~self.tensors[name], 0.0)

    def hold_exactly(self, model: nn.Module) -> bool:
        """Whether every removed element is exactly +0.0 in the model.

        Raises:
            RecipeError: as `parameters`.
        """
        weights = (p.detach()[~self.tensors[name]] for name, p in self.parameters(model).items())
        return all(bool((w == 0).all()) and not bool(torch.signbit(w).any()) for w in weights)
