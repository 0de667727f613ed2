import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny import Tiny
from torch import Tensor, nn

from secateur import Calibration, Codebook, Compression, Half, Int8, Metric, Recipe, Recovery, WeightOnly
from secateur.errors import Interrupted, NumericalError, RecipeError, TaskError
from secateur.quantize import METHODS
from secateur.quantize.form import Method
from secateur.recovery.coarse import Coarse, coarse
from secateur.recovery.loop import train
from secateur.recovery.progress import Silent
from secateur.recovery.run import Training

RECOVERY = Recovery(steps=40, learning_rate=5e-3, evaluate_every=10, checkpoint_every=10, batchnorm_batches=5)


@pytest.fixture(scope="module")
def task() -> Tiny:
    """Two thirds of its weights are gone."""
    task = Tiny()
    with torch.no_grad():
        for parameter in task.model.parameters():
            if parameter.dim() > 1:
                parameter[parameter.abs() < parameter.abs().quantile(2 / 3)] = 0.0
    return task


def recipe_of(method: Method, **compression: object) -> Recipe:
    options = Compression(method=method, recovery=RECOVERY)
    return Recipe.without_pruning(replace(options, **compression)).for_compression()  # type: ignore[arg-type]


def trained(task: Tiny, recipe: Recipe, **options: object) -> tuple[nn.Module, Training]:
    model = copy.deepcopy(task.model)
    return model, train(model, task, recipe, hold=coarse, teacher=task.model, seed=1, **options)  # type: ignore[arg-type]


def bits(model: nn.Module) -> dict[str, bytes]:
    return {name: t.numpy().tobytes() for name, t in model.state_dict().items()}


class StopAfter(Silent):
    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self, sparsity: float) -> None:
        self.left -= 1

    def stop_requested(self) -> bool:
        return self.left <= 0


class Square:
    """A task of tensors: the network's answer should be `target`, and fewer steps are always better."""

    def __init__(self, model: nn.Module, x: Tensor, target: Tensor) -> None:
        self.model, self.x, self.target = model, x, target
        self.example_inputs = (x,)

    def batches(self) -> Iterator[Tensor]:
        yield self.x

    def loss(self, model: nn.Module, x: Tensor) -> Tensor:
        error: Tensor = (model(x) - self.target).square().mean()
        return error

    def evaluate(self, model: nn.Module) -> Metric:
        error = float(self.loss(model, self.x).detach())
        return Metric("error", error, n=len(self.x), higher_is_better=False, kind="mean")

    def constraint(self, recipe: Recipe) -> Coarse:
        held = coarse(self.model, recipe, Calibration(self.batches, self.loss))
        assert isinstance(held, Coarse)
        return held


def layer(*rows: list[float]) -> nn.Linear:
    linear = nn.Linear(len(rows[0]), len(rows), bias=False)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor(rows))
    return linear


@pytest.mark.parametrize("name", METHODS)
def test_it_trains_and_what_was_zero_is_zero(task: Tiny, name: str) -> None:
    model, result = trained(task, recipe_of(METHODS[name]()))
    assert result.taught
    assert result.masks.hold_exactly(model)
    assert result.masks.sparsity == pytest.approx(2 / 3, abs=0.01)
    assert result.history[0].value <= task.validate(model).value
    assert set(result.grids.scales) == ({"0.weight", "5.weight"} if name in ("int8", "weights") else set())


def test_one_step_of_the_optimizer_moves_a_value_by_the_sum_of_its_members_gradients() -> None:
    """y = w x with x = (1, 2, 4): the gradients of sum(y) / 1 are 1, 2 and 4, and two members are 1.0."""
    model = layer([1.0, 3.0, 1.0])
    task = Square(model, torch.tensor([[1.0, 2.0, 4.0]]), torch.zeros(1, 1))
    constraint = task.constraint(recipe_of(Codebook(bits=1)))
    optimizer = torch.optim.SGD(constraint.parameters(), lr=0.125)
    model(task.x).sum().backward()
    constraint.before_step()
    assert model.weight.grad is None
    optimizer.step()
    constraint.step()
    assert model.weight.tolist() == [[1 - 0.125 * (1 + 4), 3 - 0.125 * 2, 1 - 0.125 * (1 + 4)]]


@pytest.mark.parametrize("name", METHODS)
def test_no_steps_give_the_form_itself(task: Tiny, name: str) -> None:
    recipe = recipe_of(METHODS[name](), recovery=replace(RECOVERY, steps=0))
    model, result = trained(task, recipe)
    for key in ("0.weight", "5.weight"):
        weight = task.model.get_parameter(key)
        assert torch.equal(model.get_parameter(key), METHODS[name]()(weight, weight != 0)())
    assert torch.equal(model.get_parameter("5.bias"), task.model.get_parameter("5.bias"))
    assert len(result.history) == 1


@pytest.mark.parametrize("name", METHODS)
def test_resumed_bits_equal_uninterrupted_bits(task: Tiny, tmp_path: Path, name: str) -> None:
    recipe = recipe_of(METHODS[name]())
    whole, straight = trained(task, recipe)
    path = tmp_path / "stage.checkpoint.pt"
    with pytest.raises(Interrupted, match="after step 17 of 40"):
        trained(task, recipe, path=path, progress=StopAfter(17))
    torch.manual_seed(12345)  # a new process has other random states
    resumed, result = trained(task, recipe, path=path)
    assert bits(whole) == bits(resumed)
    assert result.masks.hash() == straight.masks.hash()
    assert result.history == straight.history
    assert result.grids.ranges == straight.grids.ranges
    assert {k: v.tolist() for k, v in result.grids.scales.items()} == {
        k: v.tolist() for k, v in straight.grids.scales.items()
    }


@pytest.mark.parametrize("method", [Int8(), WeightOnly(3)])
def test_the_grids_are_those_of_the_best_network_not_of_the_last(task: Tiny, method: Method) -> None:
    class Scripted(Tiny):
        looks = 0

        def validate(self, model: nn.Module) -> Metric:
            self.looks += 1
            return Metric("accuracy", 0.9 if self.looks == 3 else 0.5, n=10)

    model, last = copy.deepcopy(task.model), copy.deepcopy(task.model)
    steady = replace(RECOVERY, decay="constant", batchnorm_batches=0)
    recipe = recipe_of(method, recovery=steady)
    best = train(model, Scripted(), recipe, hold=coarse).grids
    at_20 = recipe_of(method, recovery=replace(steady, steps=20))
    half_way = train(last, Scripted(), at_20, hold=coarse).grids
    assert bits(model) == bits(last)
    assert best.ranges == half_way.ranges
    for name, scale in best.scales.items():
        assert torch.equal(scale, half_way.scales[name])
        weight = model.get_parameter(name).detach().flatten(1)
        assert torch.equal((weight / scale[:, None]).round() * scale[:, None], weight)


def test_a_layer_that_is_skipped_keeps_its_precision_and_its_zeros(task: Tiny) -> None:
    recipe = recipe_of(Codebook(bits=2), skip=("5.*",))
    model, result = trained(task, recipe)
    kept = model.get_parameter("5.weight").detach()
    assert set(result.masks.tensors) == {"0.weight", "5.weight"}
    assert torch.equal(kept == 0, task.model.get_parameter("5.weight") == 0)
    assert len(set(kept[kept != 0].tolist())) > 100
    assert len(set(model.get_parameter("0.weight").flatten().tolist())) == 5
    untrained, _ = trained(task, replace(recipe, recovery=replace(RECOVERY, steps=0)))
    assert torch.equal(untrained.get_parameter("5.weight"), task.model.get_parameter("5.weight"))


def test_a_pattern_that_matches_nothing_is_refused(task: Tiny) -> None:
    with pytest.raises(RecipeError, match=r"skip = '6\.\*' matches no weight of the network"):
        trained(task, recipe_of(Codebook(), skip=("6.*",)))


def test_tied_weights_share_one_table() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inward, self.outward = nn.Linear(6, 6), nn.Linear(6, 6)
            self.outward.weight = self.inward.weight

        def forward(self, x: Tensor) -> Tensor:
            answer: Tensor = self.outward(torch.tanh(self.inward(x)))
            return answer

    torch.manual_seed(0)
    task = Square(Tied(), torch.randn(32, 6), torch.randn(32, 6))
    model = copy.deepcopy(task.model)
    before = task.evaluate(model).value
    result = train(model, task, recipe_of(Codebook(bits=2)), hold=coarse)
    assert model.get_parameter("inward.weight") is model.get_parameter("outward.weight")
    assert len(set(model.get_parameter("inward.weight").flatten().tolist())) == 4
    assert set(result.masks.tensors) == {"inward.weight"}
    assert task.evaluate(model).value < before


def test_a_recurrent_network_computes_with_the_shared_weights_and_learns() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru = nn.GRU(5, 8, num_layers=2, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            hidden: Tensor = self.gru(x)[0][:, -1]
            return hidden

    torch.manual_seed(0)
    task = Square(Recurrent(), torch.randn(32, 7, 5), 0.5 * torch.randn(32, 8))
    model = copy.deepcopy(task.model)
    result = train(model, task, recipe_of(Codebook(bits=3, parts=3)), hold=coarse)
    assert result.history[-1].value < 0.8 * result.history[0].value
    fresh = Recurrent()
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(fresh(task.x), model(task.x))
    for name in ("gru.weight_ih_l0", "gru.weight_hh_l1"):
        for gate in model.get_parameter(name).detach().chunk(3):
            assert len(set(gate.flatten().tolist())) <= 8


def test_a_frozen_weight_is_rounded_and_does_not_learn(task: Tiny) -> None:
    frozen = copy.deepcopy(task)
    frozen.model.get_parameter("5.weight").requires_grad_(False)
    model, _ = trained(frozen, recipe_of(Half()))
    before = frozen.model.get_parameter("5.weight")
    assert torch.equal(model.get_parameter("5.weight"), before.bfloat16().float())
    assert not torch.equal(model.get_parameter("0.weight"), frozen.model.get_parameter("0.weight"))


def test_a_network_that_is_frozen_as_a_whole_is_refused(task: Tiny) -> None:
    frozen = copy.deepcopy(task)
    frozen.model.requires_grad_(False)
    with pytest.raises(RecipeError, match="Nothing is left to train: every parameter .* is frozen"):
        trained(frozen, recipe_of(Codebook()))


def test_a_loss_that_diverges_is_named(task: Tiny) -> None:
    wild = replace(RECOVERY, learning_rate=1e30)
    with pytest.raises(NumericalError, match=r"Lower recovery\.learning_rate"):
        trained(task, recipe_of(WeightOnly(), recovery=wild))


def test_no_hook_and_no_variable_is_left_on_the_network(task: Tiny) -> None:
    model, _ = trained(task, recipe_of(Int8(batches=1)))
    assert not any(module._forward_pre_hooks for module in model.modules())
    assert list(model.state_dict()) == list(task.model.state_dict())
    assert all(parameter.is_leaf for parameter in model.parameters())


def test_an_evaluation_that_fails_at_once_leaves_no_hook(task: Tiny) -> None:
    class Broken(Tiny):
        def validate(self, model: nn.Module) -> Metric:
            raise RuntimeError("boom")

    broken, model = Broken.__new__(Broken), copy.deepcopy(task.model)
    broken.__dict__.update(task.__dict__)
    with pytest.raises(TaskError, match="boom"):
        train(model, broken, recipe_of(Int8()), hold=coarse)
    assert not any(module._forward_pre_hooks for module in model.modules())
