"""The whole job where residual blocks go: cut, certified, shallower, explained."""

from pathlib import Path

import numpy as np
import pytest
import torch
from commands import secateur as run
from tiny import Tiny
from torch import Tensor, nn

import secateur
from secateur import Gradual, Recipe, Recovery, Taylor
from secateur.patterns import Layers
from secateur.report.fit import fault
from secateur.report.schema import Report, is_missing

RECIPE = Recipe(
    sparsity=0.3,
    measure="multiply_adds",
    pattern=Layers(),
    criterion=Taylor(),
    schedule=Gradual(end=0.8, every=4),
    recovery=Recovery(
        steps=24, learning_rate=5e-3, evaluate_every=12, checkpoint_every=5, batchnorm_batches=4
    ),
)


class Block(nn.Module):
    """A residual block behind a ReLU."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(8, inner, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, 8, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(8)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))
        return torch.relu(x + y)


class Residual(Tiny):
    """The patterns of `Tiny`, seen by three blocks; trained for a second."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        blocks = [Block(8), Block(16), Block(8)]
        head = [nn.Flatten(), nn.Linear(128, 4)]
        self.model = nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(), *blocks, *head)
        optimizer = torch.optim.Adam(self.model.parameters(), lr=5e-3)
        for _ in range(2):
            for batch in self.batches():
                optimizer.zero_grad()
                self.loss(self.model, batch).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        self.model.zero_grad(set_to_none=True)
        self.model.eval()


@pytest.fixture(scope="module")
def task() -> Residual:
    return Residual()


def test_the_network_is_shallower_and_everything_fits_together(task: Residual, tmp_path: Path) -> None:
    result = secateur.prune(task, RECIPE, out=tmp_path / "run")
    report = result.report
    assert fault(report, Report, "report") is None
    cut = report["cut"]
    assert not is_missing(cut)
    assert cut["relative_diff"] == 0.0
    assert [(group["name"], group["kind"], group["before"]) for group in cut["groups"]] == [
        (name, "layers", 1) for name in ("2", "3", "4")
    ]
    gone = [group["name"] for group in cut["groups"] if group["after"] == 0]
    assert gone
    assert all(type(result.model.get_submodule(name)) is nn.Identity for name in gone)
    before, after = cut["multiply_adds"]
    assert before == 16 * (4 * 8 * 9 + 2 * 8 * 9 * (8 + 16 + 8)) + 4 * 128
    assert before - after == sum({"2": 16 * 1152, "3": 16 * 2304, "4": 16 * 1152}[name] for name in gone)
    assert after <= 0.7 * before
    assert report["pruned"]["sparsity"] == pytest.approx(1 - after / before, abs=1e-6)
    assert report["pruned"]["parameters"] == sum(p.numel() for p in result.model.parameters())
    assert report["pruned"]["parameters"] == report["pruned"]["nonzero"]
    network = secateur.load(tmp_path / "run" / "model.sct")
    x = task.x[:7]
    assert np.allclose(network(x.numpy()), result.model(x).detach().numpy(), atol=1e-5)
    assert any(f"{3 - len(gone)} of 3 layers are left" in sentence for sentence in report["verdict"])
    assert all(isinstance(task.model.get_submodule(name), Block) for name in gone)


def test_explain_names_blocks_and_what_they_take_along() -> None:
    answer = run("explain", "--task", f"{__file__}:Residual")
    assert answer.code == 0, answer.err
    parameters = 2 * 8 * 16 * 9 + 2 * 16 + 2 * 8
    rows = [line.split() for line in answer.out.splitlines()]
    assert ["3", "1", "block", f"{parameters:,}", "36,864", f"{4 * parameters:,}"] in rows
