"""The matrix of models: its measures tell right from wrong, its processes end, a few architectures pass."""

import copy
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matrix_jobs
import pytest
import torch
from benchmarks import model_matrix
from benchmarks.matrix import measures, page
from benchmarks.matrix.architecture import Architecture, Input
from benchmarks.matrix.catalogue import FAST, catalogue
from benchmarks.matrix.judge import Cut, judge
from benchmarks.matrix.libraries import missing, quiet
from benchmarks.matrix.measures import Failed, difference
from benchmarks.matrix.processes import Ended, Limits, run_all
from benchmarks.matrix.random_weights import randomise_
from benchmarks.matrix.result import Result, append, read
from benchmarks.matrix.theirs import makers_of_output
from benchmarks.matrix.theirs_masked import Step, masked_network
from torch import Tensor, nn

needs_libraries = pytest.mark.skipif(bool(missing()), reason=f"not installed: {', '.join(missing())}")


@needs_libraries
@pytest.mark.parametrize("name", FAST)
def test_secateur_passes(name: str) -> None:
    result = model_matrix.run_one(name, "secateur")
    assert result.passed, f"{result.stage}: {result.problem}"
    assert result.difference is not None
    assert result.difference <= measures.CERTIFICATE


@needs_libraries
def test_torch_pruning_is_judged_by_the_same_measures() -> None:
    right = model_matrix.run_one("torchvision/resnet18", "torch-pruning")
    wrong = model_matrix.run_one("transformers/bert", "torch-pruning")  # it mixes the heads
    assert right.passed, right.problem
    assert right.difference is not None
    assert right.difference <= measures.CERTIFICATE
    assert wrong.stage == "certificate"


@needs_libraries
def test_the_matrix_is_as_large_as_promised() -> None:
    quiet()
    names = list(catalogue())
    from torchvision import models

    parts = (models, models.segmentation, models.detection, models.video)
    listed = {name for part in parts for name in models.list_models(module=part)}
    assert listed <= {name.partition("/")[2] for name in names if name.startswith("torchvision/")}
    assert sum(name.startswith("timm/") for name in names) >= 60
    assert sum(name.startswith("transformers/") for name in names) >= 17
    assert set(FAST) <= set(names)


class Narrowing(nn.Module):
    """conv, norm, conv: the middle can lose channels."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.last = nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(self.norm(self.first(x)).relu())
        return y


NARROWING = Architecture("own/narrowing", "own", Narrowing, (Input((3, 6, 6)),))


def halve(model: Any, inputs: tuple[Tensor, ...], tell: Any) -> Cut:
    """What a right tool does."""
    tell("cut")
    masked = copy.deepcopy(model)
    with torch.no_grad():
        for tensor in (masked.first.weight, masked.first.bias, masked.norm.weight, masked.norm.bias):
            tensor[:4] = 0
        masked.last.weight[:, :4] = 0
    for module, name in (
        (model.first, "weight"),
        (model.first, "bias"),
        (model.norm, "weight"),
        (model.norm, "bias"),
    ):
        setattr(module, name, nn.Parameter(getattr(module, name)[4:].detach()))
    model.norm.running_mean, model.norm.running_var = model.norm.running_mean[4:], model.norm.running_var[4:]
    model.last.weight = nn.Parameter(model.last.weight[:, 4:].detach())
    return Cut(1, masked, 0.5)


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets what does the cutting."""
    return lambda prune: monkeypatch.setattr("benchmarks.matrix.judge.prune_of", lambda name: prune)


def test_a_right_cut_passes_all_measures(tool: Any) -> None:
    stages: list[str] = []
    tool(halve)
    result = judge(NARROWING, "secateur", stages.append)
    assert result.passed, result.problem
    assert (result.groups, result.before, result.after) == (1, 258, 130)
    assert result.graph_seconds == 0.5
    assert result.difference is not None
    assert result.difference < 1e-6
    assert stages == ["build", "cut", "removal", "forward", "certificate", "backward", "export"]


def test_cutting_other_channels_than_named_fails_the_certificate(tool: Any) -> None:
    def confused(model: Any, inputs: tuple[Tensor, ...], tell: Any) -> Cut:
        other = copy.deepcopy(model)
        done = halve(model, inputs, tell)
        model.last.weight = nn.Parameter(other.last.weight[:, :4].detach())
        return done

    tool(confused)
    result = judge(NARROWING, "secateur")
    assert result.stage == "certificate"
    assert "masked and cut network differ by" in result.problem
    assert result.after == 130


def test_a_tool_that_does_nothing_fails(tool: Any) -> None:
    tool(lambda model, inputs, tell: Cut(0, copy.deepcopy(model), 0.0))
    result = judge(NARROWING, "secateur")
    assert (result.stage, result.problem) == ("removal", "Failed: 0 of 258 parameters were removed, 0.0%")


def test_what_a_tool_raises_is_noted_with_its_stage(tool: Any) -> None:
    def broken(model: Any, inputs: tuple[Tensor, ...], tell: Any) -> Cut:
        tell("graph")
        raise KeyError("aten::roll")

    tool(broken)
    result = judge(NARROWING, "secateur")
    assert (result.stage, result.problem) == ("graph", "KeyError: 'aten::roll'")
    assert result.before == 258


def test_difference_is_relative_to_the_largest_element() -> None:
    infinite = torch.tensor([-math.inf, 4.0])
    assert difference([torch.tensor([0.0, -8.0])], [torch.tensor([0.4, -8.0])]) == pytest.approx(0.05)
    assert difference([infinite], [torch.tensor([-math.inf, 3.0])]) == 0.25
    assert difference([infinite], [infinite.clone()]) == 0
    assert difference([torch.tensor([1.0])], [torch.tensor([math.nan])]) == math.inf
    assert difference([torch.zeros(2)], [torch.tensor([0.0, 0.5])]) == 0.5
    assert difference([torch.ones(1), torch.ones(1)], [torch.ones(1), torch.zeros(1)]) == 1


def test_rounding_is_told_from_a_wrong_cut() -> None:
    class Sum(nn.Module):
        """Numbers that cancel: in single precision their order matters."""

        def __init__(self, order: list[int], extra: float = 0.0) -> None:
            super().__init__()
            self.order = order
            self.extra = nn.Parameter(torch.tensor(extra))

        def forward(self, x: Tensor) -> Tensor:
            total = torch.zeros((), dtype=x.dtype)
            for i in self.order:
                total = total + x[0, i]
            return total + self.extra

    x = (torch.tensor([[1e6, 0.1, 0.2, -1e6]]),)
    one, other = Sum([0, 1, 2, 3]), Sum([0, 3, 1, 2])
    assert difference(measures.answers(one, x), measures.answers(other, x)) > measures.CERTIFICATE
    assert measures.certified(one, other, x) <= measures.CERTIFICATE
    assert measures.certified(one, Sum([0, 3, 1, 2], extra=0.01), x) > measures.CERTIFICATE


def test_training_needs_finite_gradients_and_a_change() -> None:
    class Root(nn.Module):
        def __init__(self, at: float) -> None:
            super().__init__()
            self.at = nn.Parameter(torch.tensor(at))

        def forward(self, x: Tensor) -> Tensor:
            return x * self.at.sqrt() + 1

    x = (torch.ones(2, 1),)
    measures.check_trains(Root(1.0), x)
    with pytest.raises(Failed, match="gradients are not finite"):
        measures.check_trains(Root(0.0), x)
    frozen = Root(1.0)
    frozen.register_parameter("idle", nn.Parameter(torch.ones(1)))
    with pytest.raises(Failed, match="changed no parameter"):
        measures.check_trains(frozen, (torch.zeros(2, 1),))


def test_an_export_that_answers_something_else_fails() -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls = 0

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            return x * self.calls

    with pytest.raises(Failed, match="PyTorch and ONNX Runtime differ"):
        measures.check_export(Counting(), (torch.ones(1, 2),))


def test_nothing_in_random_weights_is_trivial() -> None:
    x = (torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0)) * 50,)
    model, same = Narrowing(), Narrowing()
    same.load_state_dict(model.state_dict())
    nn.init.zeros_(model.last.weight)
    nn.init.zeros_(same.last.weight)
    randomise_(model, x)
    for tensor in model.state_dict().values():
        assert tensor.numel() == 1 or tensor.unique().numel() > 1
    assert isinstance(model.norm.running_var, Tensor)
    assert isinstance(model.norm.running_mean, Tensor)
    seen = model.first(x[0]).square().mean()
    assert bool((model.norm.running_var > 0.4 * seen).all()), "BatchNorm expects what it sees"
    assert model.last.weight.square().mean().sqrt() >= 8**-0.5 * 0.99
    assert difference(measures.answers(model, x), measures.answers(randomise_(same, x), x)) == 0


class Out:
    """Removes rows, as functions of torch-pruning do."""

    pruning_dim = 0

    def rows(self, module: Any, positions: list[int]) -> None:
        stay = [i for i in range(module.weight.shape[0]) if i not in positions]
        for name in ("weight", "bias"):
            setattr(module, name, nn.Parameter(getattr(module, name)[stay].detach()))
        if isinstance(module, nn.LayerNorm):
            module.normalized_shape = (len(stay),)

    def columns(self, module: Any, positions: list[int]) -> None:
        stay = [i for i in range(module.weight.shape[1]) if i not in positions]
        module.weight = nn.Parameter(module.weight[:, stay].detach())

    def parameter(self, parameter: Tensor, positions: list[int]) -> nn.Parameter:
        assert self.pruning_dim == 1
        stay = [i for i in range(parameter.shape[1]) if i not in positions]
        return nn.Parameter(parameter[:, stay].detach())


class Layered(nn.Module):
    """linear, plus a parameter, layer norm, linear."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 6)
        self.place = nn.Parameter(torch.randn(1, 6))
        self.norm = nn.LayerNorm(6)
        self.last = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(self.norm(self.first(x) + self.place))
        return y


def test_a_masked_network_normalises_the_channels_that_are_left() -> None:
    x = (torch.randn(4, 3, generator=torch.Generator().manual_seed(0)),)
    torch.manual_seed(0)
    dense = randomise_(Layered(), x)
    out = Out()
    steps = [  # positions of the second cut are counted after the first, as torch-pruning's are
        *[Step(name, out.rows, 0, at, False) for at in ([1, 4], [2]) for name in ("first", "norm")],
        *[Step("last", out.columns, 0, at, False) for at in ([1, 4], [2])],
        *[Step("place", out.parameter, 1, at, True) for at in ([1, 4], [2])],
    ]
    cut = copy.deepcopy(dense)
    for step in steps:
        step.repeat_(cut)
    masked = masked_network(dense, cut, steps, x)
    assert masked is not None
    assert isinstance(dense.first, nn.Linear)
    assert dense.first.bias.nonzero().flatten().tolist() == [0, 2, 5]
    assert difference(measures.answers(masked, x), measures.answers(cut, x)) < 1e-6
    assert isinstance(cut.last, nn.Linear)
    cut.last.weight = nn.Parameter(cut.last.weight.flip(1).detach())
    assert difference(measures.answers(masked, x), measures.answers(cut, x)) > 1e-2


def test_layers_that_make_the_output_are_found() -> None:
    class Branched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.left, self.right = nn.Linear(2, 4), nn.Linear(4, 3), nn.Linear(4, 3)
            self.unused = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            x = self.stem(x).relu()
            return self.left(x) + self.right(x), self.right(x).softmax(-1)

    model = Branched()
    found = makers_of_output(model, (torch.ones(1, 2),))
    assert {id(module) for module in found} == {id(model.left), id(model.right)}


def ended(tmp_path: Path, limits: Limits, *names: str) -> dict[str, Ended]:
    jobs = {name: getattr(matrix_jobs, name) for name in names}
    return {end.name: end for end in run_all(jobs, limits, 2, tmp_path)}


def test_each_process_answers_or_ends_with_its_stage(tmp_path: Path) -> None:
    ends = ended(tmp_path, Limits(2, 0.3), "answer", "spin", "grow", "crash", "fail")
    assert ends["answer"] == Ended("answer", "done")
    assert (ends["spin"].stage, ends["spin"].problem) == ("loop", "over 2 s of CPU time")
    assert (ends["grow"].stage, ends["grow"].problem) == ("memory", "over 0.3 GB of memory")
    assert (ends["crash"].stage, ends["crash"].problem) == ("crash", "exit code 3")
    assert (ends["fail"].stage, ends["fail"].problem) == ("raise", "exit code 1")
    assert (tmp_path / "answer.log").read_text() == "on the way\n"
    assert "ValueError: out of luck" in (tmp_path / "fail.log").read_text()


def test_the_last_result_counts_and_half_a_line_does_not(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    assert read(file) == []
    append(file, Result("a/b", "secateur", "cut", "no"))
    append(file, Result("a/b", "secateur", difference=0.5))
    with file.open("a") as open_file:
        open_file.write('{"name": "a/c", "to')
    assert read(file) == [Result("a/b", "secateur", difference=0.5)]


def test_an_interrupted_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def run_jobs(jobs: Any, *rest: Any) -> Iterator[Ended]:
        asked.append(list(jobs))
        for name in jobs:
            yield Ended(name, None, "graph", "over 2 s of CPU time")

    monkeypatch.setattr(model_matrix, "run_all", run_jobs)
    limits = Limits(2, 1)
    first = next(iter(model_matrix.run([NARROWING], tmp_path, limits)))
    assert first == Result("own/narrowing", "secateur", "graph", "over 2 s of CPU time")
    assert [r.tool for r in model_matrix.run([NARROWING], tmp_path, limits)] == ["torch-pruning"]
    assert list(model_matrix.run([NARROWING], tmp_path, limits)) == []
    assert len(list(model_matrix.run([NARROWING], tmp_path, limits, again=True))) == 2
    assert asked[1] == ["own/narrowing torch-pruning"]


def test_the_page_counts_by_family_and_names_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "version", lambda name: "1.0")
    large = Architecture("own/large", "own", Narrowing, NARROWING.inputs)
    other = Architecture("own/other", "else", Narrowing, NARROWING.inputs)
    results = [
        Result("own/narrowing", "secateur", "", "", 1, 258, 130, 2e-7, 0.5, 1.5),
        Result(
            "own/narrowing", "torch-pruning", "certificate", "Failed: `x` | y", 1, 258, 130, 0.5, 0.1, 1.0
        ),
        Result("own/large", "secateur", "does not fit", "MemoryError: 2.5 GB", before=600_000_000),
        Result("own/large", "torch-pruning", "does not fit", "MemoryError: 2.5 GB", before=600_000_000),
        Result("own/other", "secateur", "graph", "over 2 s of CPU time"),
        Result("own/other", "torch-pruning", "", "", 1, 258, 130, None, 0.1, 1.0),
    ]
    text = page.page([NARROWING, large, other], results, Limits(2, 1), "command")
    assert "| own | 1 | 1 (100%) | 0 (0%) | 0 |" in text
    assert "| else | 1 | 0 (0%) | 1 (100%) | 1 |" in text
    assert "| all | 2 | 1 (50%) | 1 (50%) | 1 |" in text
    row = "| narrowing | 3x6x6 | 258 | ✓ | 1 | 50% | 2e-07 | 0.5 | 1.5 | ✗ certificate | 50% | 5e-01 | 1.0 |"
    assert row in text
    assert "- narrowing, torch-pruning, certificate: `Failed: 'x' | y`" in text
    assert "## Not tried\n\n- own/large: `MemoryError: 2.5 GB`" in text
    assert "Made by `command` on " in text
