import copy
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import pytest
import torch
from tiny import Batch, Tiny
from torch import Tensor, nn

import secateur
from secateur import Calibration, Channels, Distillation, Masks, OneShot, Recipe, Recovery, refit_
from secateur.errors import NumericalError, RecipeError, TaskError
from secateur.recovery.constraint import pruning
from secateur.recovery.layer_rows import Fittable, inputs, outputs, places
from secateur.recovery.least_squares import Moments, nearest
from secateur.recovery.loop import train

Net = TypeVar("Net", bound=nn.Module)


def data(*batches: Tensor) -> Calibration:
    return Calibration(lambda: batches, lambda model, x: model(x).sum())


def pruned(model: Net, **gone: Tensor) -> tuple[Net, Masks]:
    """A copy with zeros where `gone` (by name, dots as two underscores) is True."""
    masks = Masks({name.replace("__", "."): ~mask for name, mask in gone.items()})
    smaller = copy.deepcopy(model)
    masks.apply_(smaller)
    return smaller, masks


def test_others_take_over_for_an_input_that_they_make_up() -> None:
    """The third input is 2 * first - second + 5: 10 * third is 20 * first - 10 * second + 50."""
    two = torch.randn(256, 2, generator=torch.Generator().manual_seed(0))
    x = torch.cat([two, two @ torch.tensor([[2.0], [-1.0]]) + 5], 1)
    model = nn.Linear(3, 1)
    model.weight.data, model.bias.data = torch.tensor([[1.0, 2.0, 10.0]]), torch.tensor([0.5])
    smaller, masks = pruned(model, weight=torch.tensor([[False, False, True]]))
    refit_(smaller, model, masks, data(x))
    assert torch.allclose(smaller.weight, torch.tensor([[21.0, -8.0, 0.0]]), atol=0.1)
    assert torch.allclose(smaller.bias, torch.tensor([50.5]), atol=0.1)
    assert masks.hold_exactly(smaller)


def test_each_row_solves_the_normal_equations_of_what_it_keeps() -> None:
    torch.manual_seed(0)
    x, y, weight = torch.randn(60, 5) + 1, torch.randn(60, 3), torch.randn(3, 5)
    stays = torch.rand(3, 5) < 0.6
    moments = Moments(5, 3)
    moments.add(x[:20], y[:20])
    moments.add(x[20:], y[20:])
    found = nearest(weight, stays, moments, centred=False, ridge=0.01)
    xx, xy = (x.T @ x / 60).double(), (x.T @ y / 60).double()
    pull = 0.01 * xx.diagonal().mean() * torch.eye(5).double()
    for row, kept in enumerate(stays):
        wanted = xy[kept, row] + (pull @ weight[row].double())[kept]
        there = torch.linalg.solve((xx + pull)[kept][:, kept], wanted)
        assert torch.allclose(found[row, kept], there, atol=1e-6)
    assert bool((found[~stays] == 0).all())
    nothing = torch.zeros(3).double()
    by_hand = (x.double() @ found.T - y).square().mean(0)
    assert torch.allclose(moments.error(found, nothing), by_hand, atol=1e-6)
    assert bool((moments.error(found, nothing) <= moments.error(weight.double() * stays, nothing)).all())


LAYERS = [
    (nn.Linear(4, 3), (6, 4)),
    (nn.Linear(4, 3), (2, 5, 4)),
    (nn.Conv1d(4, 3, 3, padding=2, dilation=2), (2, 4, 9)),
    (nn.Conv1d(4, 3, 2), (4, 9)),
    (nn.Conv2d(4, 3, (3, 2), stride=(2, 1), padding=(1, 0)), (2, 4, 8, 7)),
    (nn.Conv2d(4, 3, 3, padding="same", padding_mode="circular"), (2, 4, 8, 7)),
    (nn.Conv3d(4, 3, 2, bias=False), (2, 4, 3, 4, 5)),
]


@pytest.mark.parametrize(("layer", "shape"), LAYERS)
def test_rows_times_the_weight_are_what_leaves_the_layer(layer: Fittable, shape: tuple[int, ...]) -> None:
    x = torch.randn(shape)
    y = layer(x)
    where = places(y, layer, seed=0)
    rows = inputs(x, layer, where) @ layer.weight.flatten(1).T
    expected = outputs(y, layer, where)
    assert expected.shape == (y.numel() // 3, 3), "so few places are all looked at"
    assert torch.allclose(rows + (0 if layer.bias is None else layer.bias), expected, atol=1e-5)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()]
    layers += [nn.Conv2d(8, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(96, 4)]
    model = nn.Sequential(*layers)
    for _ in range(20):
        model(torch.randn(16, 3, 6, 6) + 0.5)
    return model.eval()


def images(count: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(32, 3, 6, 6, generator=generator) + 0.5 for _ in range(count)]


def away(model: nn.Module, reference: nn.Module, batches: list[Tensor]) -> float:
    with torch.no_grad():
        return sum(float((model(x) - reference(x)).square().mean()) for x in batches)


@pytest.mark.parametrize("rows_alike", [True, False])
def test_a_network_answers_more_like_the_one_before(rows_alike: bool) -> None:
    model = network()
    gone = torch.rand(6, 8, 3, 3) < 0.5
    if rows_alike:
        gone = (torch.arange(8) < 4)[:, None, None].expand(6, 8, 3, 3)
    smaller, masks = pruned(model, **{"3__weight": gone})
    refitted = copy.deepcopy(smaller)
    refit_(refitted, model, masks, data(*images(8)))
    fresh = images(12)[8:]
    assert away(refitted, model, fresh) < 0.8 * away(smaller, model, fresh)
    assert masks.hold_exactly(refitted)
    assert not refitted.training
    for name, value in refitted.state_dict().items():
        before_the_loss = name.startswith(("0", "1"))
        assert torch.equal(value, model.state_dict()[name]) or not before_the_loss, name


@pytest.mark.parametrize(("size", "longest"), [(2.0, 2.0), (10.0, 2.5)])
def test_a_weight_grows_no_further_than_training_can_bear(size: float, longest: float) -> None:
    """The first input is a small copy of the second, which goes: a weight of `size` would do."""
    x = torch.randn(64, 1) * torch.tensor([1.0, size])
    model = nn.Linear(2, 1)
    model.weight.data = torch.tensor([[0.0, 1.0]])
    smaller, masks = pruned(model, weight=torch.tensor([[False, True]]))
    refit_(smaller, model, masks, data(x, x))
    weight = smaller.weight.detach()
    assert float(weight.norm()) <= longest + 1e-4
    assert (float(weight[0, 0]) > 0.95 * size) == (size <= longest)


def test_it_is_the_same_every_time() -> None:
    model = network()
    smaller, masks = pruned(model, **{"3__weight": torch.rand(6, 8, 3, 3) < 0.5})
    results = [copy.deepcopy(smaller) for _ in range(2)]
    for result in results:
        refit_(result, model, masks, data(*images(3)))
    a, b = (result.state_dict() for result in results)
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_batchnorm_has_the_statistics_of_the_fitted_output() -> None:
    model = network()
    smaller, masks = pruned(model, **{"3__weight": torch.rand(6, 8, 3, 3) < 0.5})
    batches = images(3)  # of less than four, none is held out
    refit_(smaller, model, masks, data(*batches))
    with torch.no_grad():
        there = smaller[:4](torch.cat(batches))
    norm = smaller[4]
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert torch.allclose(norm.running_mean, there.mean((0, 2, 3)), atol=1e-4)
    assert torch.allclose(norm.running_var, there.var((0, 2, 3)), rtol=1e-2)


def test_a_row_that_gets_no_better_on_other_batches_stays() -> None:
    """Three batches of noise teach nothing that holds for the fourth, on which nothing was lost."""
    model = nn.Linear(64, 1, bias=False)
    noise = [torch.randn(20, 64, generator=torch.Generator().manual_seed(i)) for i in range(3)]
    unmoved = torch.cat([torch.zeros(20, 32), torch.randn(20, 32)], 1)
    smaller, masks = pruned(model, weight=(torch.arange(64) < 32)[None])
    before = smaller.weight.detach().clone()
    refit_(smaller, model, masks, data(*noise, unmoved))
    assert torch.equal(smaller.weight, before)


def fitted(model: nn.Module) -> set[str]:
    """What changes where half of the first of its layers of eight goes."""
    smaller, masks = pruned(model, first__weight=torch.rand(8, 8) < 0.5)
    before = copy.deepcopy(smaller.state_dict())
    refit_(smaller, model, masks, data(torch.randn(64, 8)))
    return {name for name, value in smaller.state_dict().items() if not torch.equal(value, before[name])}


class Odd(nn.Module):
    """What is left alone: a layer with groups, one that is called twice, and a shared weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.grouped = nn.Conv1d(8, 8, 1, groups=2)
        self.twice = nn.Linear(8, 8)
        self.tied = nn.Linear(8, 8)
        self.other = nn.Linear(8, 8)
        self.other.weight = self.tied.weight

    def forward(self, x: Tensor) -> Tensor:
        x = self.grouped(self.first(x)[..., None])[..., 0]
        answer: Tensor = self.other(self.tied(self.twice(self.twice(x))))
        return answer


def test_layers_that_are_not_plain_stay_as_they_are() -> None:
    torch.manual_seed(0)
    model = Odd().eval()
    assert fitted(model) == {"first.weight", "first.bias"}


class Named(nn.Module):
    """Calls its layers by keyword."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8, bias=False)
        self.norm = nn.BatchNorm1d(8)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.norm(input=self.first(input=x))
        return answer


def test_layers_may_be_called_by_keyword() -> None:
    torch.manual_seed(0)
    model = Named().eval()
    assert fitted(model) == set(model.state_dict()) - {"norm.num_batches_tracked"}


def test_products_of_half_precision_do_not_overflow() -> None:
    x = torch.full((64, 2), 300.0, dtype=torch.float16)
    moments = Moments(2, 2)
    moments.add(x, x)
    assert moments.means[0].tolist() == [[90000.0, 90000.0]] * 2


def test_no_batches_at_all_is_said_so() -> None:
    model = nn.Linear(2, 2)
    smaller, masks = pruned(model, weight=torch.tensor([[True, False], [False, False]]))
    with pytest.raises(TaskError, match="yielded nothing"):
        refit_(smaller, model, masks, data())


def test_activations_that_overflow_are_said_so() -> None:
    model = nn.Linear(2, 2)
    smaller, masks = pruned(model, weight=torch.tensor([[True, False], [False, False]]))
    with pytest.raises(NumericalError, match="NaN or infinity enters or leaves the layer"):
        refit_(smaller, model, masks, data(torch.full((4, 2), torch.inf)))


RECIPE = Recipe(
    sparsity=0.5,
    pattern=Channels(),
    measure="channels",
    schedule=OneShot(),
    recovery=Recovery(steps=0, refit_batches=8),
)


def test_a_cut_network_answers_as_the_refitted_masked_one() -> None:
    task = Tiny()
    structure = secateur.cuttable(task.model, task.example_inputs)
    model = copy.deepcopy(task.model)
    masks = secateur.find_masks(model, RECIPE, structure=structure)
    masks.apply_(model)
    torch.manual_seed(0)
    refit_(model, task.model, masks, Calibration(task.batches, task.loss))
    assert masks.hold_exactly(model)
    done = secateur.cut(model, masks, structure.groups, example_inputs=task.example_inputs)
    assert sum(done.removed.values()) == 4
    assert done.certificate.relative < 1e-5


@pytest.mark.parametrize(("steps", "at"), [(0, 0.0), (10, 0.0), (10, 0.5)])
def test_training_refits_when_all_has_gone(steps: int, at: float) -> None:
    task = Tiny()
    structure = secateur.cuttable(task.model, task.example_inputs)
    values = []
    for batches in (0, 8):
        recovery = Recovery(steps=steps, learning_rate=1e-9, evaluate_every=1, refit_batches=batches)
        recipe = replace(RECIPE, schedule=OneShot(at=at), recovery=recovery)
        model = copy.deepcopy(task.model)
        result = train(model, task, recipe, hold=partial(pruning, structure=structure), seed=1)
        assert result.masks.hold_exactly(model)
        values.append(away(model, task.model, [task.x]))
    assert values[1] < 0.8 * values[0]


class Blocks(Tiny):
    """The loss calls the network, or one of its parts after the other."""

    def __init__(self, parts: bool) -> None:
        self.parts = parts
        super().__init__()
        block = nn.Sequential(
            nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()
        )
        self.model = nn.Sequential(block, nn.Flatten(), nn.Linear(128, 4)).eval()

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        y, (x, labels) = batch[0], batch
        for part in model.children():
            y = part(y)
        return nn.functional.cross_entropy(y if self.parts else model(x), labels)


@pytest.mark.parametrize("parts", [False, True])
def test_refit_while_a_teacher_watches(parts: bool) -> None:
    task = Blocks(parts)
    structure = secateur.cuttable(task.model, task.example_inputs)
    taught = Distillation(weight=0.5, features=1.0)
    recovery = Recovery(steps=4, evaluate_every=2, refit_batches=2, distillation=taught)
    recipe = replace(RECIPE, schedule=OneShot(at=0.5), recovery=recovery)
    model = copy.deepcopy(task.model)
    hold = partial(pruning, structure=structure)
    result = train(model, task, recipe, hold=hold, teacher=task.model, seed=1)
    assert result.masks.hold_exactly(model)
    assert result.taught == (not parts)


def test_what_goes_in_parts_is_not_refitted() -> None:
    with pytest.raises(RecipeError, match="refit_batches = 4 fits layers when all goes at once"):
        Recipe(recovery=Recovery(refit_batches=4))


class Stem(nn.Module):
    """A normalisation beside a shortcut that reads the same, as in networks that normalise first."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.out = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        both: Tensor = y + 0.1 * self.out(self.norm(y).relu())
        return both


def test_a_normalisation_takes_the_bias_over_only_where_nothing_else_reads_the_layer() -> None:
    torch.manual_seed(0)
    model = Stem().eval()
    batches = [torch.randn(32, 3, 6, 6) * 0.2 + 2 for _ in range(8)]
    smaller, masks = pruned(model, conv__weight=torch.rand(8, 3, 3, 3) < 0.4)
    before = away(smaller, model, batches)
    refit_(smaller, model, masks, data(*batches))
    assert away(smaller, model, batches) < 0.1 * before


def test_batches_that_judge_are_looked_at_too() -> None:
    model = nn.Linear(2, 2)
    smaller, masks = pruned(model, weight=torch.tensor([[True, False], [True, True]]))
    batches = [torch.randn(4, 2) for _ in range(3)] + [torch.full((4, 2), torch.inf)]
    with pytest.raises(NumericalError, match="NaN or infinity enters or leaves the layer"):
        refit_(smaller, model, masks, data(*batches))


class TwoBranches(nn.Module):
    """Both are normalised by one BatchNorm; `which` tells which of them answers."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = (nn.Conv2d(3, 4, 1, bias=False) for _ in range(2))
        self.norm = nn.BatchNorm2d(4)

    def branches(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.norm(self.a(x)), self.norm(self.b(x))

    def forward(self, x: Tensor) -> Any:
        return torch.cat(self.branches(x), 1)


def test_a_normalisation_that_another_layer_goes_through_stays() -> None:
    torch.manual_seed(0)
    model = TwoBranches().eval()
    masks = Masks({"a.weight": (torch.arange(3) > 0)[:, None, None].expand(4, 3, 1, 1).clone()})
    smaller = copy.deepcopy(model)
    masks.apply_(smaller)
    batches = [torch.randn(8, 3, 5, 5) * 2 + 1 for _ in range(8)]
    refit_(smaller, model, masks, data(*batches))
    ours, theirs = smaller.branches(batches[0])[1], model.branches(batches[0])[1]
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)
