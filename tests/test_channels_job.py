"""The whole job where channels go: cut, certified, smaller, resumed."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from attentive import Attentive
from commands import secateur as run

import secateur
from secateur import Channels, Codebook, Compression, Gradual, Recipe, Recovery
from secateur.core.masks import Masks
from secateur.core.task import Metric
from secateur.errors import Interrupted
from secateur.recovery.progress import Silent
from secateur.report import cuts
from secateur.report.candidates import Candidate
from secateur.report.fit import fault
from secateur.report.schema import Report, is_missing
from secateur.trimming import cut_off, structure_for

QUICK = Recovery(steps=24, learning_rate=5e-3, evaluate_every=12, checkpoint_every=5, batchnorm_batches=4)
RECIPE = Recipe(
    sparsity=0.4,
    measure="multiply_adds",
    pattern=Channels(round_to=4),
    schedule=Gradual(end=0.8, every=4),
    recovery=QUICK,
)


@pytest.fixture(scope="module")
def task() -> Attentive:
    return Attentive()


def test_the_network_is_narrower_and_everything_fits_together(task: Attentive, tmp_path: Path) -> None:
    result = secateur.prune(task, RECIPE, out=tmp_path / "run", curve=(1.2,))
    report = result.report
    assert fault(report, Report, "report") is None
    cut = report["cut"]
    assert not is_missing(cut)
    assert not is_missing(cut["relative_diff"])
    assert cut["relative_diff"] <= 1e-5
    assert cut["inputs"] >= 4  # the example, random numbers and two training batches
    before, after = cut["multiply_adds"]
    assert after <= 0.6 * before
    assert report["pruned"]["sparsity"] == pytest.approx(1 - after / before, abs=1e-6)
    assert report["pruned"]["parameters"] == sum(p.numel() for p in result.model.parameters())
    assert report["pruned"]["parameters"] == report["pruned"]["nonzero"]
    widths = {group["name"]: group["after"] for group in cut["groups"]}
    assert result.model.get_submodule("inner").out_channels == widths["inner"]
    network = secateur.load(tmp_path / "run" / "model.sct")
    x = task.x[:7]
    assert np.allclose(network(x.numpy()), result.model(x).detach().numpy(), atol=1e-5)
    assert any("fewer multiply-adds" in sentence for sentence in report["verdict"])
    assert task.model.get_submodule("inner").out_channels == 24


class Normed(Attentive):
    """GroupNorm ties channels together in threes, and takes its statistics over each three."""

    def __init__(self) -> None:
        super().__init__()
        self.model = torch.nn.Sequential(
            torch.nn.Conv2d(4, 12, 3, padding=1),
            torch.nn.GroupNorm(4, 12),
            torch.nn.ReLU(),
            torch.nn.Conv2d(12, 8, 1),
            torch.nn.Flatten(),
            torch.nn.Linear(8 * 16, 4),
        ).eval()


def test_channels_that_go_three_at_a_time_are_counted_one_by_one() -> None:
    task = Normed()
    recipe = Recipe(sparsity=0.5, measure="channels", pattern=Channels(round_to=1))
    structure = structure_for(task, recipe)
    assert structure is not None
    masks = secateur.find_masks(task.model, recipe, structure=structure)
    model, outcome = cut_off(task.model, masks, recipe, structure, task)
    widths = [len(model.state_dict()[name]) for name in ("0.weight", "3.weight")]
    assert 8 <= sum(widths) <= 10  # half of 20, and the last three may go at once
    assert outcome.sparsity == pytest.approx(1 - sum(widths) / 20)
    whole = Candidate("pruned", model, structure.graph, Path(), Metric("none", 0.0, n=1), masks, 0, outcome)
    cut = cuts.info(whole, whole, task)
    assert not is_missing(cut)
    assert [(g["before"], g["after"]) for g in cut["groups"]] == list(zip((12, 8), widths, strict=True))
    shown = run("explain", "--task", f"{Path(__file__)}:Normed").out
    assert "groups of 3 channels" in shown


class Stop(Silent):
    """Asks to stop after so many steps."""

    def __init__(self, after: int) -> None:
        self.left = after

    def step(self, sparsity: float) -> None:
        self.left -= 1

    def stop_requested(self) -> bool:
        return self.left <= 0


def test_resumed_in_the_middle_of_removing_channels_gives_the_same_file(
    task: Attentive, tmp_path: Path
) -> None:
    secateur.prune(task, RECIPE, out=tmp_path / "whole")
    with pytest.raises(Interrupted):
        secateur.prune(task, RECIPE, out=tmp_path / "stopped", progress=Stop(11))
    secateur.prune(task, RECIPE, out=tmp_path / "stopped", resume=True)
    for name in ("model.sct", "pruned.safetensors"):
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_what_is_left_can_be_shared(task: Attentive, tmp_path: Path) -> None:
    sharing = Compression(Codebook(bits=4), replace(QUICK, steps=8, evaluate_every=4), max_drop=1.0)
    result = secateur.prune(task, replace(RECIPE, compress=sharing), out=tmp_path / "run")
    report = result.report
    assert not is_missing(report["compressed"])
    assert report["compressed"]["file_bytes"] < report["pruned"]["file_bytes"]
    assert report["compressed"]["parameters"] == report["pruned"]["parameters"]
    assert report["compressed"]["sparsity"] == report["pruned"]["sparsity"]


def test_a_cut_that_does_not_hold_leaves_the_masked_network(task: Attentive) -> None:
    """A group that forgets who reads its channels cannot be cut; what was trained is kept."""
    structure = structure_for(task, RECIPE)
    assert structure is not None
    [inner] = [group for group in structure.groups if group.name == "inner"]
    forgetful = replace(inner, members=tuple(m for m in inner.members if m.axis == 0))
    wrong = structure.with_coupling(replace(structure.coupling, groups=(forgetful,)))
    mask = torch.arange(24) < 12
    masks = Masks(
        {m.tensor: mask.reshape(-1, *[1] * (len(m.shape) - 1)).expand(m.shape) for m in forgetful.members}
    )
    model, outcome = cut_off(task.model, masks, RECIPE.with_sparsity(0.1), wrong, task)
    assert model is task.model
    assert outcome.certificate is None
    assert outcome.left == {"inner": 24}
    assert "back" in outcome.refused  # the layer that could not read what was left


def test_explain_names_groups_and_reasons(tmp_path: Path) -> None:
    spec = f"{Path(__file__).parent / 'support' / 'attentive.py'}:Attentive"
    answer = run("explain", "--task", spec)
    assert answer.code == 0, answer.err
    for words in ("stem", "inner", "attention.qkv", "heads", "classes.weight", "output of the network"):
        assert words in answer.out
    facts = json.loads(run("explain", "--task", spec, "--json").out)
    inner = next(group for group in facts["groups"] if group["name"] == "inner")
    assert inner["units"] == 24
    assert inner["parameters"] == 16 * 9 + 1 + 16
    assert inner["multiply_adds"] == 16 * (16 * 9 + 16)  # at 4 x 4 places
    assert inner["bytes"] == 4 * inner["parameters"]


def test_a_network_without_anything_to_remove_says_so(task: Attentive) -> None:
    class Single(Attentive):
        def __init__(self) -> None:
            super().__init__()
            self.model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 4))

        def evaluate(self, model: torch.nn.Module) -> Metric:
            return self._accuracy(model, slice(256, 320))

    with pytest.raises(secateur.SecateurError, match="finds nothing to remove"):
        secateur.prune(Single(), RECIPE)
