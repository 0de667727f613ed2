"""Pruned, shared or quantised, trained on, judged as a file, kept or undone."""

import copy
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import secateur
from secateur import Codebook, Compression, Int8, Metric, Recipe, Recovery, WeightOnly
from secateur.artifact import inspect, read
from secateur.errors import ExportError, Interrupted
from secateur.in_runtime import in_runtime
from secateur.quantize import METHODS
from secateur.recovery.progress import Silent
from secateur.report.fit import fault
from secateur.report.schema import CompressionInfo, Entry, Report, is_missing

QUICK = Recovery(steps=24, learning_rate=5e-3, evaluate_every=12, checkpoint_every=6, batchnorm_batches=2)
NO_STEPS = replace(QUICK, steps=0)


class Sine:
    """A regression, whose error tells two files apart that an accuracy would not."""

    license = "CC0-1.0"
    model_card = "Sines of three numbers."

    def __init__(self, model: nn.Module | None = None) -> None:
        torch.manual_seed(0)
        self.x = torch.randn(160, 6)
        self.y = self.x[:, :3].sin()
        self.model = model or nn.Sequential(nn.Linear(6, 40), nn.BatchNorm1d(40), nn.Tanh(), nn.Linear(40, 3))
        optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-2)
        for _ in range(60):
            optimizer.zero_grad()
            self.loss(self.model, torch.arange(96)).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        self.model.eval()
        self.example_inputs = (self.x[:1],)

    def batches(self) -> Iterator[Tensor]:
        yield from torch.split(torch.randperm(96), 16)

    def loss(self, model: nn.Module, rows: Tensor) -> Tensor:
        error: Tensor = (model(self.x[rows]) - self.y[rows]).square().mean()
        return error

    def validate(self, model: nn.Module) -> Metric:
        return self.error(model, slice(96, 128))

    def evaluate(self, model: nn.Module) -> Metric:
        return self.error(model, slice(128, 160))

    def error(self, model: nn.Module, rows: slice) -> Metric:
        errors = (model(self.x[rows]) - self.y[rows]).abs().mean(dim=1)
        return Metric(
            "error", float(errors.mean()), n=32, higher_is_better=False, kind="mean", std=float(errors.std())
        )


@pytest.fixture(scope="module")
def task() -> Sine:
    return Sine()


def options_of(method: Any, **others: Any) -> Compression:
    return Compression(**{"method": method, "recovery": QUICK, "max_drop": 1.0, **others})


def info_of(report: Report) -> CompressionInfo:
    info = report["compression"]
    assert not is_missing(info)
    return info


def compressed_of(report: Report) -> Entry:
    entry = report["compressed"]
    assert not is_missing(entry)
    return entry


@pytest.fixture(scope="module")
def run(task: Sine, tmp_path_factory: pytest.TempPathFactory) -> secateur.Result:
    recipe = Recipe(sparsity=0.7, recovery=QUICK, compress=options_of(Codebook(bits=3)))
    return secateur.prune(task, recipe, out=tmp_path_factory.mktemp("codebook") / "run")


def file_of(run: secateur.Result) -> Path:
    assert run.folder is not None
    return run.folder / "model.sct"


def work_of(run: secateur.Result) -> Path:
    return file_of(run).parent / "work"


def test_the_report_shows_every_step_with_bytes_and_value(task: Sine, run: secateur.Result) -> None:
    report = run.report
    info = info_of(report)
    assert fault(report, Report, "report") is None
    assert [step["name"] for step in info["steps"]] == ["dense", "pruned", "shared", "trained on"]
    sizes = [step["file_bytes"] for step in info["steps"]]
    assert sizes[0] > sizes[1] > sizes[2]
    assert sizes[3] == file_of(run).stat().st_size == compressed_of(report)["file_bytes"]
    assert info["steps"][3]["value"] < info["steps"][2]["value"]  # training on makes the error less
    assert info["method"] == {"name": "codebook", "bits": 3, "parts": 1}
    assert compressed_of(report)["steps"] == 48
    assert report["ratios"]["bytes"] == pytest.approx(sizes[0] / sizes[3])
    assert set(report["history"]) >= {"pruned", "shared", "compressed"}
    assert report["certificates"]["rounded"]


def test_the_file_holds_what_was_promised(run: secateur.Result) -> None:
    stored = read(file_of(run))
    for name in ("0.weight", "3.weight"):
        kept = stored.tensors[name][stored.tensors[name] != 0]
        assert len(set(kept.tolist())) <= 8
        assert np.array_equal(stored.tensors[name], run.model.get_parameter(name).detach().numpy())
    assert run.report["certificates"]["zeros_exact"]
    assert run.masks.sparsity == pytest.approx(0.7, abs=0.01)
    assert compressed_of(run.report)["sparsity"] == pytest.approx(0.7, abs=0.01)
    bias = stored.tensors["3.bias"]
    assert np.array_equal(bias, torch.from_numpy(bias.copy()).bfloat16().float().numpy())
    assert stored.metadata["license"] == Sine.license
    assert stored.metadata["model_card"] == Sine.model_card
    assert stored.metadata["recipe"]["compress"]["method"]["bits"] == 3
    assert stored.metadata["metric"]["value"] == compressed_of(run.report)["value"]


def test_a_fresh_process_without_torch_gets_the_reported_value(
    task: Sine, run: secateur.Result, tmp_path: Path
) -> None:
    np.savez(tmp_path / "data.npz", x=task.x[128:].numpy(), y=task.y[128:].numpy())
    code = (
        "import sys, numpy, secateur\n"
        "data = numpy.load(sys.argv[2])\n"
        "network = secateur.load(sys.argv[1])\n"
        "print(abs(network(data['x']) - data['y']).mean(axis=1).mean(), 'torch' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, file_of(run), tmp_path / "data.npz"],
        capture_output=True,
        text=True,
        check=True,
    )
    value, torch_was_imported = done.stdout.split()
    assert float(value) == pytest.approx(compressed_of(run.report)["value"], rel=1e-5)
    assert torch_was_imported == "False"


def test_the_reported_value_is_that_of_the_file_not_of_the_network_in_training(
    task: Sine, run: secateur.Result
) -> None:
    """They differ by the rounding of the biases, which the file alone has."""
    in_file = in_runtime(run.model, secateur.load(file_of(run)), task.example_inputs)
    with torch.no_grad():
        assert task.evaluate(in_file).value == compressed_of(run.report)["value"]
        assert task.evaluate(run.model).value != compressed_of(run.report)["value"]
        pruned = copy.deepcopy(task.model)
        pruned.load_state_dict(torch.load(work_of(run) / "pruned.pt", weights_only=True)["model"])
        drop = task.validate(in_file).value - task.validate(pruned).value
        assert info_of(run.report)["drop"] == drop


@pytest.mark.parametrize("name", METHODS)
def test_every_method_makes_a_smaller_file_that_is_nearly_as_good(task: Sine, name: str) -> None:
    before = copy.deepcopy(task.model.state_dict())
    report = secateur.compress(task, options_of(METHODS[name]())).report
    assert all(torch.equal(before[key], tensor) for key, tensor in task.model.state_dict().items())
    info = info_of(report)
    assert fault(report, Report, "report") is None
    assert [step["name"] for step in info["steps"]][2] == METHODS[name]().noun
    assert info["kept"]
    assert info["drop"] < 0.05
    assert report["ratios"]["bytes"] > 1.05 * report["ratios"]["bytes_without_pruning"]
    assert report["certificates"]["zeros_exact"]
    assert report["pruned"]["sparsity"] == 0
    assert is_missing(report["random_baseline"])
    assert {layer["name"] for layer in report["layers"]} >= {"0.weight", "3.weight"}
    assert any(f"The method {name!r} makes" in sentence for sentence in report["verdict"])


def test_int8_computes_in_whole_numbers(task: Sine, tmp_path: Path) -> None:
    secateur.compress(task, options_of(Int8(batches=2)), out=tmp_path / "run")
    stored = {entry.name: entry for entry in inspect(tmp_path / "run" / "model.sct").entries}
    assert stored["0.weight_quantized"].dtype == "int8"
    assert stored["3.weight_quantized"].dtype == "int8"


def test_what_costs_too_much_is_undone_and_said_so(task: Sine, tmp_path: Path) -> None:
    options = options_of(Codebook(bits=1), recovery=NO_STEPS, max_drop=0.0)
    recipe = Recipe(sparsity=0.5, recovery=QUICK, compress=options)
    result = secateur.prune(task, recipe, out=tmp_path / "run")
    report, work = result.report, tmp_path / "run" / "work"
    info = info_of(report)
    assert not info["kept"]
    assert info["drop"] > 0
    assert report["compressed"] == {"missing": "it cost more than max_drop allows and was undone"}
    assert (tmp_path / "run" / "model.sct").read_bytes() == (work / "pruned.sct").read_bytes()
    pruned = torch.load(work / "pruned.pt", weights_only=True)
    assert all(torch.equal(t, pruned["model"][name]) for name, t in result.model.state_dict().items())
    assert all(torch.equal(t, pruned["masks"][name]) for name, t in result.masks.tensors.items())
    sizes = {entry: (work / entry).stat().st_size for entry in ("pruned.sct", "compressed.sct")}
    assert [step["file_bytes"] for step in info["steps"][1::2]] == list(sizes.values())
    assert report["ratios"]["bytes"] == report["dense"]["file_bytes"] / sizes["pruned.sct"]
    assert not report["certificates"]["rounded"]
    assert any("it was undone" in sentence for sentence in report["verdict"])


def test_max_drop_is_in_the_unit_of_the_yardstick_and_counts_upwards_for_errors(task: Sine) -> None:
    options = options_of(Codebook(bits=2), recovery=NO_STEPS)
    first = info_of(secateur.compress(task, options).report)
    assert first["kept"]
    with torch.no_grad():
        coarse = copy.deepcopy(task.model)
        for name in ("0.weight", "3.weight"):
            weight = coarse.get_parameter(name)
            weight.copy_(options.method(weight, weight != 0)())
        worse = task.validate(coarse).value - task.validate(task.model).value
    assert first["drop"] == pytest.approx(worse, rel=0.05)  # the biases are rounded, too
    just_below = replace(options, max_drop=0.999 * first["drop"])
    second = info_of(secateur.compress(task, just_below).report)
    assert (second["kept"], second["drop"]) == (False, first["drop"])


def test_a_network_that_was_pruned_elsewhere_stays_pruned(task: Sine) -> None:
    pruned = copy.deepcopy(task)
    with torch.no_grad():
        weight = pruned.model.get_parameter("0.weight")
        weight[weight.abs() < weight.abs().median()] = -0.0
    gone = weight == 0
    result = secateur.compress(pruned, options_of(WeightOnly(4)))
    after = result.model.get_parameter("0.weight").detach()
    assert not after[gone].numpy().tobytes().strip(b"\0")
    assert result.masks.removed == int(gone.sum())
    assert result.report["certificates"]["zeros_exact"]


def test_a_skipped_layer_keeps_its_zeros_and_its_precision(task: Sine) -> None:
    recipe = Recipe(sparsity=0.7, recovery=QUICK, compress=options_of(Codebook(bits=1), skip=("3.*",)))
    result = secateur.prune(task, recipe)
    assert compressed_of(result.report)["sparsity"] == pytest.approx(0.7, abs=0.01)
    assert result.report["certificates"]["zeros_exact"]
    assert len(set(result.model.get_parameter("3.weight").flatten().tolist())) > 8
    assert len(set(result.model.get_parameter("0.weight").flatten().tolist())) == 3


class Recurrent(nn.Module):
    """A GRU that takes the six numbers two at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(2, 8, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.head(self.gru(x.reshape(-1, 3, 2))[0][:, -1])
        return answer


class Tied(nn.Module):
    """One weight under two names, of which the graph has the last, and a layer that is never used."""

    def __init__(self) -> None:
        super().__init__()
        self.unused = nn.Linear(6, 6)
        self.inward, self.outward = nn.Linear(6, 6), nn.Linear(6, 6)
        self.outward.weight = self.inward.weight
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.head(self.outward(torch.tanh(self.inward(x))))
        return answer


@pytest.mark.parametrize(
    ("network", "method"),
    [
        (Recurrent, Codebook(bits=3, parts=3)),
        (Recurrent, Int8(batches=2)),
        (Tied, WeightOnly(3)),
        (Tied, Int8(batches=2)),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_recurrent_and_tied_networks_go_through(
    tmp_path: Path, network: type[nn.Module], method: Any
) -> None:
    torch.manual_seed(1)
    result = secateur.compress(Sine(network()), options_of(method), out=tmp_path / "run")
    assert info_of(result.report)["drop"] < 0.05
    assert result.report["certificates"]["zeros_exact"]
    assert result.report["certificates"]["reloaded_max_abs_diff"] < 0.1
    stored = read(tmp_path / "run" / "model.sct").tensors
    weights = {"head.weight", "outward.weight" if network is Tied else "gru.weight_ih_l0"}
    if not isinstance(method, Int8):  # to the last bit, unlike biases
        for name in weights:
            trained = dict(result.model.named_parameters(remove_duplicate=False))[name]
            assert np.array_equal(stored[name], trained.detach().numpy())


def test_int8_where_nothing_can_be_is_refused_with_a_way_out() -> None:
    class OnlyGru(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gru = nn.GRU(6, 3, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            answer: Tensor = self.gru(x[:, None])[0][:, 0]
            return answer

    with pytest.raises(ExportError, match="Nothing in this network can be computed in int8"):
        secateur.compress(Sine(OnlyGru()), options_of(Int8(batches=1), recovery=NO_STEPS))


class StopIn(Silent):
    """Ctrl-C some steps into a stage."""

    def __init__(self, stage: str, steps: int) -> None:
        self.wanted, self.left, self.there = stage, steps, False

    def stage(self, name: str, steps: int, done: int) -> None:
        self.there = name == self.wanted

    def step(self, sparsity: float) -> None:
        self.left -= self.there

    def stop_requested(self) -> bool:
        return self.there and self.left <= 0


def test_stopped_while_it_trains_on_and_resumed_gives_the_same_file(task: Sine, tmp_path: Path) -> None:
    options = options_of(Int8(batches=2))
    secateur.compress(task, options, out=tmp_path / "whole")
    with pytest.raises(Interrupted, match="Stopped in compressed after step 9 of 24"):
        secateur.compress(task, options, out=tmp_path / "run", progress=StopIn("compressed", 9))
    assert (tmp_path / "run" / "work" / "compressed.checkpoint.pt").exists()
    assert not (tmp_path / "run" / "model.sct").exists()
    secateur.compress(task, options, out=tmp_path / "run", resume=True)
    for name in ("model.sct", "pruned.safetensors"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


class FixedBatch(nn.Module):
    """Takes eight rows at a time; in PyTorch, larger batches too, as training has them."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_compiling():
            x = x.reshape(8, 6)
        answer: Tensor = self.linear(x)
        return answer


def test_a_network_with_a_fixed_batch_is_calibrated_and_judged_in_pieces() -> None:
    task = Sine(FixedBatch())
    task.example_inputs = (task.x[:8],)
    result = secateur.compress(task, options_of(Int8(batches=2)))
    latency = compressed_of(result.report)["latency_ms"]
    assert not is_missing(latency)
    assert latency["batch"] == 8
    assert info_of(result.report)["drop"] < 0.05
