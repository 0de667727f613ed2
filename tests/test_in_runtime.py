"""A task evaluates a file as if it were its network."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import Tiny
from torch import Tensor, nn

import secateur
from secateur.artifact.network import Network
from secateur.errors import ArtifactError, TaskError
from secateur.in_runtime import in_runtime, run


class Many(nn.Module):
    """Two inputs and an option; a dictionary and a tuple come out, with something that is no tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, x: Tensor, y: Tensor, double: bool = False) -> dict[str, Any]:
        z = self.linear(x)
        return {"sum": z + y, "both": (z - y, z.argmax(1)), "hidden": None}


class FixedBatch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.linear(x.reshape(4, 3))
        return answer


def saved(model: nn.Module, example: tuple[Tensor, ...], path: Path) -> Network:
    secateur.save(model, path, example_inputs=example)
    return secateur.load(path)


def test_the_answers_are_those_of_the_file_and_not_of_the_weights(tmp_path: Path) -> None:
    task = Tiny()
    network = saved(task.model, task.example_inputs, tmp_path / "model.sct")
    broken = Tiny().model
    with torch.no_grad():
        for parameter in broken.parameters():
            parameter.zero_()
    judged = in_runtime(broken, network, task.example_inputs)
    assert task.evaluate(judged) == task.evaluate(task.model)
    assert task.evaluate(broken) != task.evaluate(task.model)
    assert isinstance(judged, nn.Sequential)
    assert torch.equal(judged.get_parameter("5.weight"), torch.zeros(4, 128))


def test_the_model_itself_still_computes_as_it_did(tmp_path: Path) -> None:
    task = Tiny()
    network = saved(task.model, task.example_inputs, tmp_path / "model.sct")
    judged = in_runtime(task.model, network, task.example_inputs)
    with torch.no_grad():
        judged.get_parameter("5.bias").fill_(1e3)
        task.model.get_parameter("5.bias").fill_(-50.0)
        assert float(task.model(task.x[:2]).mean()) < -40
        assert abs(float(judged(task.x[:2]).mean())) < 40


def test_dictionaries_tuples_and_plain_values_come_back_in_their_places(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Many().eval()
    example = (torch.randn(2, 3), torch.randn(2, 1))
    judged = in_runtime(model, saved(model, example, tmp_path / "model.sct"), example)
    x, y = torch.randn(5, 3), torch.randn(5, 1)
    expected, found = model(x, y), judged(x, y)
    assert list(found) == ["sum", "both", "hidden"]
    assert torch.allclose(found["sum"], expected["sum"], atol=1e-6)
    assert isinstance(found["both"], tuple)
    assert torch.equal(found["both"][1], expected["both"][1])
    assert found["both"][1].dtype == torch.int64
    assert found["hidden"] is None


def test_keywords_may_come_in_any_order(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Many().eval()
    example = (torch.randn(2, 3), torch.randn(2, 1))
    judged = in_runtime(model, saved(model, example, tmp_path / "model.sct"), example)
    x, y = torch.randn(5, 3), torch.randn(5, 1)
    expected = model(x, y)["sum"]
    assert torch.allclose(judged(y=y, x=x)["sum"], expected, atol=1e-6)
    assert torch.allclose(judged(x, y=y, double=True)["sum"], expected, atol=1e-6)


class Optional(nn.Module):
    """The inputs that may be left out come before one that is given by keyword."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, x: Tensor, shift: Tensor | None = None, scale: Tensor | None = None) -> Tensor:
        answer: Tensor = self.linear(x if shift is None else x + shift)
        return answer if scale is None else answer * scale


def test_an_input_that_the_file_does_not_have_is_said_so(tmp_path: Path) -> None:
    """Two tensors are given and two are wanted, but `scale` is not `shift`."""
    model = Optional().eval()
    example = (torch.randn(2, 3), torch.randn(2, 1))
    judged = in_runtime(model, saved(model, example, tmp_path / "model.sct"), example)
    x, y = torch.randn(2, 3), torch.randn(2, 1)
    assert torch.allclose(judged(shift=y, x=x), model(x, y), atol=1e-6)
    with pytest.raises(TaskError, match="called with the tensors x, scale, and example_inputs has x, shift"):
        judged(x, scale=y)


@pytest.mark.parametrize("rows", [1, 3, 4, 8, 9])
def test_a_fixed_batch_size_gets_any_number_of_rows_in_pieces(tmp_path: Path, rows: int) -> None:
    torch.manual_seed(0)
    model = FixedBatch().eval()
    example = (torch.randn(4, 3),)
    network = saved(model, example, tmp_path / "model.sct")
    assert network.inputs[0].shape == (4, 3)
    judged = in_runtime(model, network, example)
    x = torch.randn(rows, 3)
    assert judged(x).shape == (rows, 2)
    assert torch.allclose(judged(x), model.linear(x), atol=1e-6)


def test_one_number_for_a_fixed_batch_cannot_be_put_together(tmp_path: Path) -> None:
    class Loss(FixedBatch):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).mean()

    torch.manual_seed(0)
    model = Loss().eval()
    network = saved(model, (torch.randn(4, 3),), tmp_path / "model.sct")
    x = np.ones((4, 3), np.float32)
    assert run(network, [x])[0].shape == ()
    with pytest.raises(ArtifactError, match=r"takes 4 rows at a time and got 8.*Evaluate with batches of 4"):
        run(network, [np.concatenate([x, x])])


def test_views_that_are_not_contiguous_arrive_as_they_are(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 2).eval()
    example = (torch.randn(1, 3),)
    judged = in_runtime(model, saved(model, example, tmp_path / "model.sct"), example)
    x = torch.randn(3, 7).T
    assert torch.allclose(judged(x), model(x), atol=1e-6)


def test_a_mistake_in_the_inputs_is_said_in_our_words(tmp_path: Path) -> None:
    model = nn.Linear(3, 2).eval()
    example = (torch.randn(1, 3),)
    judged = in_runtime(model, saved(model, example, tmp_path / "model.sct"), example)
    with pytest.raises(ArtifactError, match="has dtype float64"):
        judged(torch.zeros(1, 3, dtype=torch.float64))
