"""What `find_masks` is given may belong to another network, or be something else."""

from typing import Any

import pytest
import torch
from torch import nn

from secateur import Calibration, Channels, GlobalRank, Masks, Recipe, Taylor, cut, cuttable, find_masks
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


@pytest.mark.parametrize("per_cost", [False, True])
def test_a_step_of_a_wide_group_does_not_go_far_past_the_goal(per_cost: bool) -> None:
    """Eight channels of the second layer are a quarter of all multiply-adds; eight of another are fewer."""
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(3, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3),
        nn.ReLU(),
    ]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)).eval()
    structure = cuttable(model, (torch.randn(1, 3, 16, 16),))
    recipe = Recipe(
        sparsity=0.5,
        measure="multiply_adds",
        pattern=Channels(round_to=8, relative=False),
        allocation=GlobalRank(per_cost=per_cost),
    )
    masks = find_masks(model, recipe, structure=structure)
    masks.apply_(model)
    cut(model, masks, structure.groups, example_inputs=(torch.randn(1, 3, 16, 16),))
    widths = [3, *(layer.out_channels for layer in model if isinstance(layer, nn.Conv2d))]
    assert all(width % 8 == 0 for width in widths[1:])
    images = (14 * 14, 12 * 12, 10 * 10)
    left = sum(n * a * b for n, a, b in zip(images, widths, widths[1:], strict=False))
    whole = sum(n * a * 32 for n, a in zip(images, (3, 32, 32), strict=True))
    assert 0.5 <= 1 - left / whole < 0.6
