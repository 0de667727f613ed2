"""Penalties in training: they shrink what goes, leave alone what is gone, and resume to the same bits."""

import copy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
import torch
from tiny import Tiny
from torch import Tensor, nn

from secateur import Calibration, Gradual, OneShot, Pruner, Recipe, Recovery, Taylor
from secateur.core.protocols import Penalty
from secateur.errors import Interrupted, RecipeError
from secateur.graph.structure import Structure, structure_of
from secateur.masking import find_units
from secateur.patterns import Channels
from secateur.penalties import PENALTIES, GroupLasso, Growing
from secateur.penalties.unit_norms import unit_norms
from secateur.recovery.constraint import pruning
from secateur.recovery.loop import train
from secateur.recovery.progress import Silent
from secateur.recovery.run import Training

RECOVERY = Recovery(steps=40, optimizer="sgd", learning_rate=0.02, evaluate_every=20, batchnorm_batches=2)
RECIPE = Recipe(
    sparsity=0.5,
    pattern=Channels(round_to=1),
    schedule=OneShot(at=0.75),
    measure="channels",
    recovery=RECOVERY,
)
STRONG = [GroupLasso(strength=1e-2), Growing(strength=4.0)]


@dataclass(frozen=True)
class Known:
    task: Tiny
    structure: Structure


@pytest.fixture(scope="module")
def known() -> Known:
    torch.set_num_threads(1)
    task = Tiny()
    return Known(task, structure_of(task.model, task.example_inputs))


def with_penalty(penalty: Penalty | None, recipe: Recipe = RECIPE) -> Recipe:
    return replace(recipe, recovery=replace(recipe.recovery, penalty=penalty))


def steps(pruner: Pruner, optimizer: torch.optim.Optimizer, task: Tiny, count: int) -> None:
    torch.manual_seed(pruner.steps_done)
    for batch in [next(task.batches()) for _ in range(count)]:
        optimizer.zero_grad()
        task.loss(pruner.model, batch).backward()  # type: ignore[no-untyped-call]
        pruner.before_step()
        optimizer.step()
        pruner.step()


def in_own_loop(known: Known, penalty: Penalty | None, count: int) -> Pruner:
    model = copy.deepcopy(known.task.model)
    pruner = Pruner(model, with_penalty(penalty), structure=known.structure)
    steps(pruner, torch.optim.SGD(model.parameters(), 0.02, momentum=0.9), known.task, count)
    return pruner


def lengths(known: Known, model: nn.Module) -> Tensor:
    (norms,) = unit_norms(known.structure.coupling.groups, dict(model.named_parameters())).values()
    return norms


@pytest.mark.parametrize("penalty", STRONG, ids=PENALTIES)
def test_doomed_channels_shrink_before_they_are_cut(known: Known, penalty: Penalty) -> None:
    (doomed,) = find_units(known.task.model, RECIPE, structure=known.structure).values()
    assert int(doomed.sum()) == 4
    without, pruner = (in_own_loop(known, p, 29) for p in (None, penalty))
    plain, pulled = lengths(known, without.model), lengths(known, pruner.model)
    left = pulled / plain
    assert float(left[doomed].max()) < min(1 / 3, float(left[~doomed].min()))
    assert pruner.masks.removed == 0
    steps(pruner, torch.optim.SGD(pruner.model.parameters(), 0.02), known.task, 1)
    assert pruner.finished
    assert torch.equal(lengths(known, pruner.model) == 0, doomed)


@pytest.mark.parametrize("penalty", STRONG, ids=PENALTIES)
def test_what_is_added_is_what_the_penalty_says_and_nothing_afterwards(
    known: Known, penalty: Penalty
) -> None:
    pruner = in_own_loop(known, penalty, 3)
    parameters = dict(pruner.model.named_parameters())
    for p in parameters.values():
        p.grad = torch.ones_like(p)
    parameters["1.bias"].grad = None  # as where the loss does not reach it
    groups = known.structure.coupling.groups
    doomed = find_units(known.task.model, RECIPE, structure=known.structure)
    added = penalty(groups, parameters, doomed, 4 / 30)
    pruner.before_step()
    assert parameters["1.bias"].grad is None
    assert parameters.keys() - added.keys() == {"5.bias"}
    for name, p in parameters.items():
        if p.grad is not None:
            assert torch.equal(p.grad, 1 + added[name] if name in added else torch.ones_like(p))
    done = in_own_loop(known, penalty, 30)
    before = {name: p.grad.clone() for name, p in done.model.named_parameters() if p.grad is not None}
    done.before_step()
    assert all(torch.equal(before[n], p.grad) for n, p in done.model.named_parameters() if p.grad is not None)


def test_frozen_parameters_stay(known: Known) -> None:
    model = copy.deepcopy(known.task.model)
    frozen = model.get_parameter("0.weight").requires_grad_(False)
    before = frozen.clone()
    pruner = Pruner(model, with_penalty(Growing()), structure=known.structure)
    trained = [p for p in model.parameters() if p.requires_grad]
    steps(pruner, torch.optim.SGD(trained, 0.02), known.task, 3)
    assert torch.equal(frozen, before)


def test_a_loop_that_forgets_the_penalty_is_told(known: Known) -> None:
    pruner = Pruner(copy.deepcopy(known.task.model), with_penalty(Growing()), structure=known.structure)
    with pytest.raises(RecipeError, match=r"Call pruner.before_step\(\) between backward\(\)"):
        pruner.step()
    Pruner(copy.deepcopy(known.task.model), RECIPE, structure=known.structure).step()
    pruner.load_state_dict(in_own_loop(known, Growing(), 30).state_dict())
    pruner.step()  # all is gone, there is nothing to pull at any more


def test_doomed_units_are_chosen_once(known: Known) -> None:
    """Who goes on from a saved state pulls at the units that were chosen then, not at today's weakest."""
    pruner = in_own_loop(known, Growing(), 5)
    state = copy.deepcopy(pruner.state_dict())
    other = copy.deepcopy(pruner.model)
    with torch.no_grad():
        for p in other.parameters():
            p.copy_(p.flip(0))  # other channels are weak now
    again = Pruner(other, pruner.recipe, structure=known.structure)
    (chosen,), (now,) = (p.state_dict()["doomed"].values() for p in (pruner, again))
    assert not torch.equal(chosen, now)
    other.load_state_dict(pruner.model.state_dict())
    again.load_state_dict(state)
    for each in (pruner, again):
        steps(each, torch.optim.SGD(each.model.parameters(), 0.02), known.task, 5)
    assert same_bits(pruner.model, again.model)


class StopAfter(Silent):
    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self, sparsity: float) -> None:
        self.left -= 1

    def stop_requested(self) -> bool:
        return self.left <= 0


def trained(known: Known, recipe: Recipe, **options: object) -> tuple[nn.Module, Training]:
    model = copy.deepcopy(known.task.model)
    hold = partial(pruning, structure=known.structure)
    return model, train(model, known.task, recipe, hold=hold, teacher=known.task.model, seed=1, **options)  # type: ignore[arg-type]


def same_bits(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, b.state_dict()[name]) for name, x in a.state_dict().items())


@pytest.mark.parametrize("penalty", STRONG, ids=PENALTIES)
@pytest.mark.parametrize("stop", [7, 25, 35])
def test_resumed_bits_equal_uninterrupted_bits(
    known: Known, tmp_path: Path, penalty: Penalty, stop: int
) -> None:
    recipe = replace(
        with_penalty(penalty), criterion=Taylor(), schedule=Gradual(begin=0.5, end=0.75, every=5)
    )
    whole, straight = trained(known, recipe)
    assert not same_bits(whole, trained(known, with_penalty(None, recipe))[0])
    path = tmp_path / "stage.checkpoint.pt"
    with pytest.raises(Interrupted, match=f"after step {stop} of 40"):
        trained(known, recipe, path=path, progress=StopAfter(stop))
    torch.manual_seed(12345)  # a new process has other random states
    resumed, result = trained(known, recipe, path=path)
    assert same_bits(whole, resumed)
    assert result.masks.hash() == straight.masks.hash()
    assert result.history == straight.history


def test_units_are_those_that_the_masks_remove(known: Known) -> None:
    data = Calibration(known.task.batches, known.task.loss)
    torch.manual_seed(0)
    recipe = replace(RECIPE, criterion=Taylor())
    (units,) = find_units(known.task.model, recipe, data=data, structure=known.structure).values()
    torch.manual_seed(0)
    now = replace(recipe, schedule=OneShot())
    masks = Pruner(copy.deepcopy(known.task.model), now, data=data, structure=known.structure).masks
    assert torch.equal(units, ~masks.tensors["1.weight"])
