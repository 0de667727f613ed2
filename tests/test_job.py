"""The whole job from Python, on tasks of several kinds."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import Tiny
from torch import Tensor, nn

import secateur
from secateur import (
    Blocks,
    ErdosRenyi,
    Gradual,
    Iterative,
    Metric,
    NofM,
    Recipe,
    Recovery,
    Taylor,
    Uniform,
    Wanda,
    job,
)
from secateur.artifact import inspect, read
from secateur.report.fit import fault
from secateur.report.schema import Report, is_missing

QUICK = Recovery(steps=24, learning_rate=5e-3, evaluate_every=12, batchnorm_batches=4)


class Bare:
    """Only what a task must have: no validate, narrow or training_steps; a regression."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(6, 40), nn.Tanh(), nn.Linear(40, 3))
        self.example_inputs = (torch.randn(5, 6),)
        self.x = torch.randn(64, 6)
        self.y = self.x[:, :3].sin()

    def batches(self) -> Iterator[Tensor]:
        yield from torch.split(torch.randperm(48), 8)

    def loss(self, model: nn.Module, rows: Tensor) -> Tensor:
        error: Tensor = (model(self.x[rows]) - self.y[rows]).square().mean()
        return error

    def evaluate(self, model: nn.Module) -> Metric:
        errors = (model(self.x[48:]) - self.y[48:]).abs().mean(dim=1)
        return Metric(
            "error", float(errors.mean()), n=16, higher_is_better=False, kind="mean", std=float(errors.std())
        )


@pytest.fixture(scope="module")
def task() -> Tiny:
    return Tiny()


def test_everything_is_measured_and_written(task: Tiny, tmp_path: Path) -> None:
    before = {name: t.clone() for name, t in task.model.state_dict().items()}
    started = time.perf_counter()
    recipe = Recipe(sparsity=0.8, schedule=Gradual(every=3), recovery=QUICK)
    result = secateur.prune(task, recipe, out=tmp_path / "run", curve=(2.0, 4.0))
    took = time.perf_counter() - started
    report = result.report
    assert fault(report, Report, "report") is None
    assert took > report["seconds"]["total"] > 0.8 * took
    assert set(report["seconds"]) >= {"pruned", "dense", "saving", "latency", "compiling", "checks"}
    assert all(torch.equal(before[name], t) for name, t in task.model.state_dict().items())
    assert result.masks.hold_exactly(result.model)
    assert report["pruned"]["sparsity"] == pytest.approx(0.8, abs=1e-3)
    assert report["pruned"]["file_bytes"] == (tmp_path / "run" / "model.sct").stat().st_size
    assert report["certificates"]["zeros_exact"]
    assert not is_missing(report["curve"])
    assert [round(point["factor"], 1) for point in report["curve"]] == [2.0, 4.0]
    assert not is_missing(report["small_dense_baseline"])
    assert report["metric"]["checkpoint_chosen_on"] == "validate"
    assert set(report["history"]) >= {"pruned", "dense_control", "random_baseline", "curve_4x"}
    network = secateur.load(tmp_path / "run" / "model.sct")
    x = task.x[:7]
    assert np.allclose(network(x.numpy()), result.model(x).detach().numpy(), atol=1e-5)
    stored = {entry.name: entry for entry in inspect(tmp_path / "run" / "model.sct").entries}
    assert stored["5.weight"].encoding == "mask, planes"
    assert read(tmp_path / "run" / "model.sct").metadata["recipe"]["sparsity"] == 0.8


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(
            sparsity=0.5, pattern=NofM(keep=2, of=4), criterion=Wanda(), allocation=Uniform(), recovery=QUICK
        ),
        Recipe(
            sparsity=0.75,
            pattern=Blocks(rows=2, columns=4),
            criterion=Taylor(),
            allocation=ErdosRenyi(),
            schedule=Iterative(rounds=2, rewind=0.5),
            recovery=QUICK,
        ),
    ],
    ids=["2 of 4 by wanda", "blocks by taylor, iteratively"],
)
def test_other_answers_to_the_four_questions(task: Tiny, recipe: Recipe) -> None:
    result = secateur.prune(task, recipe)
    assert result.folder is None
    assert result.masks.sparsity == pytest.approx(recipe.sparsity, abs=0.005)
    assert result.masks.hold_exactly(result.model)
    assert result.report["certificates"]["zeros_exact"]
    assert result.report["pruned"]["value"] > 0.3  # chance is 0.25


def test_a_bare_task_gets_a_report_that_says_what_is_missing() -> None:
    report = secateur.prune(Bare(), Recipe(sparsity=0.5, recovery=QUICK)).report
    assert fault(report, Report, "report") is None
    assert report["small_dense_baseline"] == {
        "missing": "the task has no narrow(width) method for a narrower network, or no step to train it"
    }
    assert report["metric"]["checkpoint_chosen_on"] == "evaluate"
    text = " ".join(report["verdict"])
    assert "Give the task a validate(model) method" in text
    assert "Distillation was asked for but did not happen" not in text
    interval = report["pruned"]["ci95"]
    assert not is_missing(interval)
    assert interval[0] < report["pruned"]["value"] < interval[1]


def test_a_loss_that_does_not_call_the_network_itself_is_noticed() -> None:
    class Hidden(Bare):
        def loss(self, model: nn.Module, rows: Tensor) -> Tensor:
            hidden = model.get_submodule("1")(model.get_submodule("0")(self.x[rows]))
            error: Tensor = (model.get_submodule("2")(hidden) - self.y[rows]).square().mean()
            return error

    report = secateur.prune(Hidden(), Recipe(sparsity=0.5, recovery=QUICK)).report
    assert any("Distillation was asked for but did not happen" in sentence for sentence in report["verdict"])


def test_a_network_with_a_fixed_batch_is_exported_and_timed_with_it() -> None:
    class FixedBatch(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            total: Tensor = self.linear(x.reshape(5, 6))
            return total

    task = Bare()
    task.model = FixedBatch()  # type: ignore[assignment]
    task.batches = lambda: iter(torch.randperm(45).reshape(9, 5))  # type: ignore[method-assign]
    task.evaluate = lambda model: Metric("zero", 0.0, n=1, kind="mean")  # type: ignore[method-assign]
    report = secateur.prune(task, Recipe(sparsity=0.5, recovery=QUICK)).report
    latency = report["pruned"]["latency_ms"]
    assert not is_missing(latency)
    assert latency["batch"] == 5


def test_the_goal_of_every_curve_point_is_checked_before_training(task: Tiny, tmp_path: Path) -> None:
    with pytest.raises(secateur.SecateurError, match="out of reach"):
        secateur.prune(task, Recipe(recovery=QUICK), out=tmp_path / "run", curve=(2.0, 1000.0))
    assert not (tmp_path / "run").exists()
    recipe = Recipe(sparsity=0.5, pattern=NofM(), recovery=QUICK)
    with pytest.raises(secateur.SecateurError, match="there is no curve to draw"):
        secateur.prune(task, recipe, out=tmp_path / "run", curve=(2.0, 4.0))


class Tied(nn.Module):
    """One weight under two names, and a layer that is never used."""

    def __init__(self) -> None:
        super().__init__()
        self.inward = nn.Linear(6, 6, bias=False)
        self.outward = nn.Linear(6, 6, bias=False)
        self.outward.weight = self.inward.weight
        self.head = nn.Linear(6, 3)
        self.unused = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.head(self.outward(torch.tanh(self.inward(x))))
        return answer


def test_tied_and_unused_weights_do_not_spoil_the_end_of_a_run() -> None:
    task = Bare()
    task.model = Tied()  # type: ignore[assignment]
    report = secateur.prune(task, Recipe(sparsity=0.5, recovery=QUICK)).report
    assert report["certificates"]["zeros_exact"]
    assert {layer["name"] for layer in report["layers"]} == {"inward.weight", "head.weight", "head.bias"}


def test_sparsity_counts_what_was_removed_not_what_was_zero_all_along() -> None:
    task = Bare()
    with torch.no_grad():
        for layer in (task.model[0], task.model[2]):
            assert isinstance(layer, nn.Linear)
            layer.bias.zero_()
            layer.bias.requires_grad_(False)
    recipe = Recipe(sparsity=0.5, measure="parameters", recovery=QUICK)
    report = secateur.prune(task, recipe).report
    assert report["pruned"]["sparsity"] == pytest.approx(0.5, abs=0.002)
    assert report["dense"]["sparsity"] == 0


def test_a_network_that_cannot_be_exported_is_refused_before_it_is_trained(tmp_path: Path) -> None:
    class Twice(nn.Linear):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
            y = super().forward(x)
            return y, y

    task = Bare()
    task.model = Twice(6, 3)  # type: ignore[assignment]
    task.loss = lambda model, rows: pytest.fail("it was trained")  # type: ignore[method-assign]
    task.evaluate = lambda model: Metric("zero", 0.0, n=1, kind="mean")  # type: ignore[method-assign]
    with pytest.raises(secateur.SecateurError, match="Return each tensor once"):
        secateur.prune(task, Recipe(sparsity=0.5, recovery=QUICK), out=tmp_path / "run")


def test_a_folder_that_holds_a_run_is_refused_before_the_network_is_traced(
    task: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run.json").write_text('{"secateur-run": 1}')
    (tmp_path / "report.json").write_text("{}")
    monkeypatch.setattr(job, "structure_for", lambda *_: pytest.fail("it was traced"))
    with pytest.raises(secateur.SecateurError, match="holds a run already"):
        secateur.prune(task, Recipe(sparsity=0.5, recovery=QUICK), out=tmp_path)


def test_the_callers_random_state_is_left_alone(task: Tiny) -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    secateur.prune(task, Recipe(sparsity=0.5, recovery=Recovery(steps=2, evaluate_every=2)))
    assert torch.equal(torch.rand(3), expected)
