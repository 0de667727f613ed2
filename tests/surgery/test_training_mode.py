"""Code that runs only while a network trains is not in its graph, and a cut must hold there, too."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from secateur import Channels, Masks, Recipe, cut, cuttable, find_masks
from secateur.errors import SurgeryError
from secateur.graph.structure import structure_of

X = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))


class Auxiliary(nn.Module):
    """A second head that only the loss sees."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 8), nn.Linear(8, 8)
        self.head, self.aux = nn.Linear(8, 2), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Any:
        first = F.relu(self.first(x))
        answer = self.head(F.relu(self.second(first)))
        return (answer, self.aux(first)) if self.training else answer


class Noisy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = 8
        self.first, self.head = nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Any:
        hidden = F.relu(self.first(x))
        if self.training:
            hidden = hidden + torch.randn(len(x), self.hidden)
        return self.head(hidden)


class Windowed(nn.Module):
    """Looks at the last 8 moments, by chance as many as it has channels."""

    def __init__(self) -> None:
        super().__init__()
        self.window = 8
        self.weight = nn.Parameter(torch.randn(8, 4))
        self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Any:
        return self.head(F.relu(F.linear(x[:, -self.window :], self.weight))).sum(1)


HALF = Recipe(sparsity=0.5, pattern=Channels(round_to=1), measure="channels")


def test_what_only_training_reads_is_not_offered() -> None:
    model = Auxiliary()
    assert [group.name for group in cuttable(model, (X,)).groups] == ["second"]


def test_a_cut_that_training_does_not_survive_is_taken_back() -> None:
    model = Auxiliary()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    groups = structure_of(model, (X,)).groups
    masks = Masks(
        {"first.weight": torch.arange(8)[:, None].expand(8, 4) > 0, "first.bias": torch.arange(8) > 0}
    )
    masks = Masks({**masks.tensors, "second.weight": torch.arange(8).expand(8, 8) > 0})
    with pytest.raises(SurgeryError, match="in training mode"):
        cut(model, masks, groups, example_inputs=(X,))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_an_attribute_that_only_training_reads_follows() -> None:
    model = Noisy()
    structure = cuttable(model, (X,))
    cut(model, find_masks(model, HALF, structure=structure), structure.groups, example_inputs=(X,))
    assert model.hidden == model.first.out_features == 4
    assert model.train()(X).shape == (3, 2)


def test_an_attribute_stays_that_no_cut_needs_whatever_its_value() -> None:
    model, x = Windowed(), torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0))
    structure = cuttable(model, (x,))
    cut(model, find_masks(model, HALF, structure=structure), structure.groups, example_inputs=(x,))
    assert model.weight.shape == (4, 4)
    assert model.window == 8


def test_the_memory_format_of_weights_stays() -> None:
    model: Any = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3))
    model = model.to(memory_format=torch.channels_last)
    images = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    structure = cuttable(model, (images,))
    cut(model, find_masks(model, HALF, structure=structure), structure.groups, example_inputs=(images,))
    assert model[0].weight.shape == (4, 3, 3, 3)
    assert all(model[i].weight.is_contiguous(memory_format=torch.channels_last) for i in (0, 2))
