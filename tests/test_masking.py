"""What `find_masks` is given may belong to another network, or be something else."""

from typing import Any

import pytest
import torch
from torch import nn

from secateur import Calibration, Channels, Masks, Recipe, Taylor, cuttable, find_masks
from secateur.errors import NumericalError, RecipeError, TaskError

X = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
HALF = Recipe(sparsity=0.5, pattern=Channels(round_to=1), measure="channels")


def network(width: int = 8, dtype: torch.dtype = torch.float32) -> nn.Module:
    return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 2)).to(dtype)


@pytest.mark.parametrize("width", [4, 12])
def test_a_structure_of_another_network_is_refused(width: int) -> None:
    structure = cuttable(network(), (X,))
    with pytest.raises(
        RecipeError, match=rf"another network's: its group 0 .* shape \(8,.* has shape \({width},"
    ):
        find_masks(network(width), HALF, structure=structure)


def test_groups_in_place_of_their_structure_are_told() -> None:
    groups: Any = cuttable(network(), (X,)).groups
    with pytest.raises(RecipeError, match=r"structure is a tuple\. Expected what secateur\.cuttable"):
        find_masks(network(), HALF, structure=groups)


def test_a_network_in_bfloat16_has_a_structure() -> None:
    model = network(dtype=torch.bfloat16)
    structure = cuttable(model, (X.bfloat16(),))
    masks = find_masks(model, HALF, structure=structure)
    assert int(masks.tensors["0.bias"].sum()) == 4


@pytest.mark.parametrize("due", [-0.1, 1.1, float("nan")])
def test_a_goal_is_due_in_part_or_as_a_whole(due: float) -> None:
    with pytest.raises(RecipeError, match=f"due = {due}. Expected a fraction"):
        find_masks(network(), Recipe(sparsity=0.5), due=due)


def test_earlier_masks_of_another_network_are_refused() -> None:
    previous = Masks({"layer.weight": torch.ones(8, 4) > 0})
    with pytest.raises(RecipeError, match=r"'layer\.weight', which this model does not have"):
        find_masks(network(), Recipe(sparsity=0.5), previous=previous)


def test_batches_in_place_of_calibration_are_told() -> None:
    data: Any = [X]
    with pytest.raises(RecipeError, match=r"data is a list\. Expected secateur\.Calibration"):
        find_masks(network(), Recipe(sparsity=0.5, criterion=Taylor()), data=data)
    with pytest.raises(TaskError, match=r"batches is a list\. Expected a function"):
        Calibration(data, lambda model, x: model(x).sum())


@pytest.mark.parametrize("model", [nn.LazyLinear(3), nn.Linear(2, 3, device="meta")])
def test_a_network_without_values_is_refused(model: nn.Module) -> None:
    with pytest.raises(NumericalError, match="weight has no values yet"):
        find_masks(model, Recipe(sparsity=0.5))
