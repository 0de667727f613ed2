"""Zeros stay exactly zero in a training loop of one's own."""

import copy
import io
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from secateur import (
    FPGM,
    Calibration,
    Channels,
    Gradual,
    Growing,
    Iterative,
    Masks,
    OneShot,
    Pruner,
    Recipe,
    Recovery,
    Taylor,
    cuttable,
)
from secateur.core.protocols import Criterion, Schedule
from secateur.errors import GoalError, RecipeError, ResumeError

EMA = get_ema_multi_avg_fn(0.9)  # type: ignore[no-untyped-call]
Make = Callable[[Iterable[Tensor]], torch.optim.Optimizer]
OPTIMIZERS: dict[str, Make] = {
    "sgd with momentum and weight decay": lambda p: torch.optim.SGD(p, 1e-3, momentum=0.9, weight_decay=1e-2),
    "nesterov": lambda p: torch.optim.SGD(p, 1e-3, momentum=0.9, nesterov=True, weight_decay=1e-2),
    "adam": lambda p: torch.optim.Adam(p, 1e-2, weight_decay=1e-2),
    "adamw": lambda p: torch.optim.AdamW(p, 1e-2, weight_decay=1e-1),
}


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 8))


def recipe(**options: object) -> Recipe:
    return Recipe(sparsity=0.75, recovery=Recovery(steps=40), **options)  # type: ignore[arg-type]


def train(model: nn.Module, optimizer: torch.optim.Optimizer, after: Callable[[], None], steps: int) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(8, 16)).square().sum().backward()
        optimizer.step()
        after()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_zeros_are_exact_after_every_step(name: str) -> None:
    model = network()
    average = AveragedModel(model, multi_avg_fn=EMA)
    optimizer = OPTIMIZERS[name](model.parameters())
    pruner = Pruner(model, recipe(schedule=Gradual(end=0.5, every=5)), copies=[average.module])
    seen = []

    def after() -> None:
        average.update_parameters(model)
        pruner.step()
        assert pruner.masks.hold_exactly(model)
        assert pruner.masks.hold_exactly(average.module)
        seen.append(pruner.masks.removed)

    train(model, optimizer, after, 40)
    assert seen == sorted(seen)
    assert pruner.finished
    assert pruner.masks.removed == round(0.75 * (16 * 32 + 32 * 8))


def test_without_the_pruner_the_zeros_would_not_hold() -> None:
    """The test above could pass with a dead optimizer: here the same training revives the weights."""
    model = network()
    pruner = Pruner(model, recipe(schedule=OneShot()))
    optimizer = OPTIMIZERS["adam"](model.parameters())
    train(model, optimizer, lambda: None, 2)
    assert not pruner.masks.hold_exactly(model)


def test_what_is_due_first_goes_at_construction() -> None:
    model = network()
    assert Pruner(model, recipe(schedule=OneShot())).masks.sparsity == 0.75
    assert torch.count_nonzero(model.get_parameter("0.weight")) < 16 * 32


@pytest.mark.parametrize("schedule", [OneShot(), Gradual(end=0.5, every=5)], ids=repr)
@pytest.mark.parametrize("criterion", [FPGM(), Taylor()], ids=repr)
def test_a_resumed_run_goes_on_to_the_same_bits(schedule: Schedule, criterion: Criterion) -> None:
    """Asked anew, Taylor would choose others: weights of dead units score as low as those that are gone."""
    plan = recipe(schedule=schedule, criterion=criterion)
    inputs = torch.randn(4, 8, 16, generator=torch.Generator().manual_seed(1))
    data = Calibration(lambda: inputs, lambda model, x: model(x).square().mean())
    model = network()
    pruner = Pruner(model, plan, data=data)
    optimizer = OPTIMIZERS["adam"](model.parameters())
    train(model, optimizer, pruner.step, 12)
    file = io.BytesIO()
    state: dict[str, Any] = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "pruner": pruner.state_dict(),
        "random": torch.get_rng_state(),
    }
    torch.save(state, file)
    train(model, optimizer, pruner.step, 28)
    assert pruner.finished

    file.seek(0)
    state = torch.load(file, weights_only=True)
    other = network()
    other.load_state_dict(state["model"])
    again = Pruner(other, plan, data=data, state=state["pruner"])
    resumed = OPTIMIZERS["adam"](other.parameters())
    resumed.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["random"])
    train(other, resumed, again.step, 28)
    assert again.masks.hash() == pruner.masks.hash()
    assert all(torch.equal(p, other.get_parameter(name)) for name, p in model.named_parameters())


def test_a_state_comes_too_late_for_weights_that_are_gone() -> None:
    model, plan = network(), recipe(schedule=OneShot())
    state = Pruner(copy.deepcopy(model), plan).state_dict()
    model.get_parameter("0.weight").data.copy_(model.get_parameter("0.weight").flip(0))
    late = Pruner(model, plan)
    with pytest.raises(ResumeError, match=r"set \d+ weights to zero that the saved one keeps.*state=state"):
        late.load_state_dict(state)


def test_state_of_another_recipe_is_refused() -> None:
    state = Pruner(network(), recipe()).state_dict()
    with pytest.raises(ResumeError, match="Resume with the recipe"):
        Pruner(network(), Recipe(sparsity=0.5, recovery=Recovery(steps=40)), state=state)


def test_a_penalty_is_asked_for_before_every_step() -> None:
    model = network()
    structure = cuttable(model, (torch.zeros(1, 16),))
    recovery = Recovery(steps=40, penalty=Growing())
    plan = Recipe(
        sparsity=0.5, measure="channels", pattern=Channels(), schedule=OneShot(at=0.5), recovery=recovery
    )
    pruner = Pruner(model, plan, structure=structure)
    pruner.before_step()
    pruner.step()
    with pytest.raises(RecipeError, match=r"before_step\(\) was not called"):
        pruner.step()


def test_iterative_puts_the_early_weights_back_where_they_stay() -> None:
    model = network()
    pruner = Pruner(model, recipe(schedule=Iterative(rounds=3, rewind=0.5)))
    optimizer = OPTIMIZERS["adam"](model.parameters())
    rounds, early = 0, None
    for step in range(1, 41):
        train(model, optimizer, pruner.step, 1)
        if step == 5:  # half of the first of four rounds of ten steps
            early = copy.deepcopy(model.state_dict())
        if pruner.rewound:
            rounds += 1
            assert early is not None
            for name, mask in pruner.masks.tensors.items():
                expected = torch.where(mask, early[name], torch.tensor(0.0))
                assert torch.equal(model.get_parameter(name), expected)
            optimizer = OPTIMIZERS["adam"](model.parameters())
    assert rounds == 3
    assert pruner.masks.sparsity == 0.75


def test_a_goal_out_of_reach_says_what_is_possible() -> None:
    with pytest.raises(GoalError, match="Ask for sparsity = 0.9934 at most"):
        Pruner(network(), Recipe(sparsity=0.999, floor=0.005))


def test_all_parameters_can_be_what_is_counted() -> None:
    model = network()
    total = sum(p.numel() for p in model.parameters())
    masks = Pruner(model, recipe(schedule=OneShot(), measure="parameters")).masks
    assert masks.removed == round(0.75 * total)


def test_empty_masks_apply_to_anything() -> None:
    Masks().apply_(network())


def test_state_of_another_network_is_refused() -> None:
    state = Pruner(network(), recipe()).state_dict()
    wider = nn.Sequential(nn.Linear(16, 40), nn.ReLU(), nn.Linear(40, 8))
    with pytest.raises(ResumeError, match=r"mask of '0.weight' has the shape \(32, 16\), here \(40, 16\)"):
        Pruner(wider, recipe(), state=state)
    with pytest.raises(ResumeError, match="belongs to another network"):
        Pruner(nn.Sequential(nn.Linear(16, 32)), recipe(), state=state)


def test_a_moving_average_is_held_through_its_wrapper_and_no_other_network_is() -> None:
    model = network()
    average = torch.optim.swa_utils.AveragedModel(model)
    pruner = Pruner(model, recipe(schedule=OneShot()), copies=(average,))
    assert pruner.masks.hold_exactly(average.module)
    with pytest.raises(RecipeError, match="does not have"):
        Pruner(network(), recipe(), copies=(nn.Linear(16, 32),))


def test_a_state_that_is_none_says_what_it_lacks() -> None:
    with pytest.raises(ResumeError, match="lacks doomed, due, early, fingerprint, masks, steps_done"):
        Pruner(nn.Linear(4, 4), Recipe(), state={})
