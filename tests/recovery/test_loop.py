import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny import Batch, Tiny
from torch import Tensor, nn

from secateur import Distillation, Gradual, Iterative, Metric, OneShot, Recipe, Recovery
from secateur.core.protocols import Schedule
from secateur.errors import Interrupted, NumericalError, TaskError
from secateur.recovery import checkpoint
from secateur.recovery.constraint import pruning
from secateur.recovery.loop import train
from secateur.recovery.optimizer import learning_rate
from secateur.recovery.progress import Silent
from secateur.recovery.run import Training

RECOVERY = Recovery(steps=60, learning_rate=5e-3, evaluate_every=20, checkpoint_every=10, batchnorm_batches=5)
RECIPE = Recipe(sparsity=0.8, schedule=Gradual(end=0.5, every=5), recovery=RECOVERY)


@pytest.fixture(scope="module")
def task() -> Tiny:
    return Tiny()


class StopAfter(Silent):
    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self, sparsity: float) -> None:
        self.left -= 1

    def stop_requested(self) -> bool:
        return self.left <= 0


def trained(task: Tiny, recipe: Recipe, **options: object) -> tuple[nn.Module, Training]:
    model = copy.deepcopy(task.model)
    return model, train(model, task, recipe, hold=pruning, teacher=task.model, seed=1, **options)  # type: ignore[arg-type]


def same_bits(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, b.state_dict()[name]) for name, x in a.state_dict().items())


def test_recovers_what_one_shot_lost(task: Tiny) -> None:
    recipe = replace(RECIPE, sparsity=0.9, schedule=OneShot())
    model, result = trained(task, recipe)
    assert result.masks.removed == round(0.9 * result.masks.total)
    assert result.masks.hold_exactly(model)
    assert result.taught
    after_pruning = result.history[0].value
    assert float(task.validate(model).value) > after_pruning + 0.05


@pytest.mark.parametrize("schedule", [Gradual(end=0.5, every=5), Iterative(rounds=2, rewind=0.2)])
@pytest.mark.parametrize("stop", [7, 25, 45])
def test_resumed_bits_equal_uninterrupted_bits(
    task: Tiny, tmp_path: Path, schedule: Schedule, stop: int
) -> None:
    recipe = replace(RECIPE, schedule=schedule)
    whole, straight = trained(task, recipe)
    path = tmp_path / "stage.checkpoint.pt"
    with pytest.raises(Interrupted, match=f"after step {stop} of 60"):
        trained(task, recipe, path=path, progress=StopAfter(stop))
    torch.manual_seed(12345)  # a new process has other random states
    resumed, result = trained(task, recipe, path=path)
    assert same_bits(whole, resumed)
    assert result.masks.hash() == straight.masks.hash()
    assert result.history == straight.history


def test_a_resumed_run_shows_what_was_evaluated_last(task: Tiny, tmp_path: Path) -> None:
    class Shown(Silent):
        def __init__(self) -> None:
            self.values: list[float] = []

        def evaluated(self, metric: Metric) -> None:
            self.values.append(metric.value)

    path, shown = tmp_path / "stage.checkpoint.pt", Shown()
    with pytest.raises(Interrupted):
        trained(task, RECIPE, path=path, progress=StopAfter(35))
    _, result = trained(task, RECIPE, path=path, progress=shown)
    before = [point.value for point in result.history if point.step <= 35]
    assert before[-1] != before[0]
    assert shown.values[:2] == [before[0], before[-1]]


def test_seeds_matter_and_repeat(task: Tiny) -> None:
    first, again = trained(task, RECIPE)[0], trained(task, RECIPE)[0]
    assert same_bits(first, again)
    other = copy.deepcopy(task.model)
    train(other, task, RECIPE, hold=pruning, teacher=task.model, seed=2)
    assert not same_bits(first, other)


def test_the_best_evaluation_at_full_sparsity_is_kept(task: Tiny) -> None:
    """Validation is best early, when little is gone, and then at step 40: step 40 must win."""

    class Scripted(Tiny):
        looks = 0
        best: dict[str, Tensor]

        def validate(self, model: nn.Module) -> Metric:
            zeros = sum(int((p == 0).sum()) for p in model.parameters() if p.dim() > 1)
            total = sum(p.numel() for p in model.parameters() if p.dim() > 1)
            if zeros / total < 0.79:
                return Metric("accuracy", 1.0, n=10)
            self.looks += 1
            if self.looks == 2:
                self.best = {name: t.clone() for name, t in model.state_dict().items()}
            return Metric("accuracy", 0.9 if self.looks == 2 else 0.5, n=10)

    scripted = Scripted()
    model = copy.deepcopy(task.model)
    recipe = replace(RECIPE, recovery=replace(RECOVERY, evaluate_every=10, batchnorm_batches=0))
    train(model, scripted, recipe, hold=pruning)
    assert all(torch.equal(scripted.best[name], tensor) for name, tensor in model.state_dict().items())


def test_looking_more_often_does_not_change_the_training(task: Tiny) -> None:
    often = replace(RECIPE, recovery=replace(RECOVERY, evaluate_every=3, batchnorm_batches=0))
    once = replace(RECIPE, recovery=replace(RECOVERY, evaluate_every=60, batchnorm_batches=0))
    a, b = trained(task, often)[1], trained(task, once)[1]
    assert a.masks.hash() == b.masks.hash()
    assert a.history[-1].value == b.history[-1].value


def test_without_pruning_nothing_is_removed(task: Tiny) -> None:
    model = copy.deepcopy(task.model)
    result = train(model, task, RECIPE)
    assert result.masks.total == 0
    assert not same_bits(model, task.model)


def test_no_steps_prunes_without_recovery(task: Tiny) -> None:
    recipe = replace(RECIPE, recovery=replace(RECOVERY, steps=0))
    model, result = trained(task, recipe)
    assert result.masks.sparsity == pytest.approx(0.8, abs=1e-3)
    kept = result.masks.tensors["5.weight"]
    assert torch.equal(model.get_parameter("5.weight")[kept], task.model.get_parameter("5.weight")[kept])


def test_distillation_can_be_turned_off(task: Tiny) -> None:
    alone = replace(RECIPE, recovery=replace(RECOVERY, distillation=Distillation(weight=0.0)))
    assert not trained(task, alone)[1].taught


def test_a_loss_that_diverges_is_named(task: Tiny) -> None:
    wild = replace(RECIPE, recovery=replace(RECOVERY, learning_rate=1e30))
    with pytest.raises(NumericalError, match="Lower recovery.learning_rate"):
        trained(task, wild)


def test_broken_weights_are_refused(task: Tiny) -> None:
    model = copy.deepcopy(task.model)
    with torch.no_grad():
        model.get_parameter("5.weight")[0, 0] = float("nan")
    with pytest.raises(NumericalError, match=r"5\.weight holds 1 NaN or infinite values"):
        train(model, task, RECIPE, hold=pruning)


def test_a_loss_per_example_is_refused(task: Tiny) -> None:
    class PerExample(Tiny):
        def loss(self, model: nn.Module, batch: Batch) -> Tensor:
            return torch.nn.functional.cross_entropy(model(batch[0]), batch[1], reduction="none")

    broken = PerExample.__new__(PerExample)
    broken.__dict__.update(task.__dict__)
    with pytest.raises(TaskError, match=r"loss\(\) answered \(16,\)"):
        trained(broken, RECIPE)


def test_an_evaluation_that_is_no_metric_is_refused(task: Tiny) -> None:
    class Number(Tiny):
        def validate(self, model: nn.Module) -> Metric:
            return 0.9  # type: ignore[return-value]

    broken = Number.__new__(Number)
    broken.__dict__.update(task.__dict__)
    with pytest.raises(TaskError, match=r"validate\(model\) answered float. Expected secateur.Metric"):
        trained(broken, RECIPE)


def test_a_checkpoint_of_a_device_that_is_not_here_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stage.checkpoint.pt"
    with monkeypatch.context() as there:
        there.setattr(torch.serialization, "location_tag", lambda _: "cuda:63")
        checkpoint.save(path, {"weight": torch.ones(3)})
    assert checkpoint.load(path)["weight"].device == torch.device("cpu")


def test_learning_rate_falls_along_a_cosine_and_restarts_with_each_round() -> None:
    recovery = Recovery(steps=90, learning_rate=1.0)
    once = Recipe(recovery=recovery)
    assert learning_rate(once, 0) == 1.0
    assert learning_rate(once, 45) == pytest.approx(0.5)
    assert learning_rate(once, 89) < 0.001
    rounds = Recipe(schedule=Iterative(rounds=2), recovery=recovery)
    assert [learning_rate(rounds, step) for step in (0, 30, 60)] == [1.0, 1.0, 1.0]
    constant = Recipe(recovery=replace(recovery, decay="constant"))
    assert learning_rate(constant, 89) == 1.0


def test_a_step_is_shown_after_its_evaluation(task: Tiny) -> None:
    class Told(Silent):
        def __init__(self) -> None:
            self.calls = ""

        def step(self, sparsity: float) -> None:
            self.calls += "."

        def evaluated(self, metric: Metric) -> None:
            self.calls += "!"

    told = Told()
    recipe = replace(RECIPE, recovery=replace(RECOVERY, steps=6, evaluate_every=2, batchnorm_batches=0))
    trained(task, recipe, progress=told)
    assert told.calls == "!.!..!..!."


@pytest.mark.parametrize("wrong", ["another", "detached"])
def test_a_loss_that_says_nothing_of_the_network_is_refused(
    wrong: str, task: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loss(model: nn.Module, batch: Batch) -> Tensor:
        return Tiny.loss(task, task.model, batch) if wrong == "another" else plain(model, batch).detach()

    plain = task.loss
    monkeypatch.setattr(task, "loss", loss)
    with pytest.raises(TaskError, match="not depend on any weight of the network"):
        trained(task, RECIPE)
