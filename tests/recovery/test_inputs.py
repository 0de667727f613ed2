from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from tiny import Tiny
from torch import Tensor, nn

from secateur import Channels, Metric, Recipe, cuttable, find_masks
from secateur.errors import TaskError
from secateur.recovery.inputs import seen_calls, seen_inputs
from secateur.trimming import cut_off


class Sum(nn.Module):
    def forward(self, x: Tensor, y: Tensor, *, scale: float = 1.0) -> Tensor:
        return scale * (x + y)


class Pairs:
    """A batch is a dictionary, and the network is called by keywords in another order than it declares."""

    def __init__(self) -> None:
        self.model = Sum()
        self.example_inputs = (torch.zeros(1), torch.zeros(1))

    def batches(self) -> Iterator[dict[str, Tensor]]:
        for start in torch.randperm(5):
            yield {"a": start + torch.zeros(2), "b": 10 + start + torch.zeros(2, dtype=torch.int64)}

    def loss(self, model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        total: Tensor = model(scale=2.0, y=batch["b"], x=batch["a"]).sum()
        return total

    def evaluate(self, model: nn.Module) -> Metric:
        return Metric("none", 0.0, n=1)


def test_inputs_are_those_of_training_batches_in_the_order_of_the_signature() -> None:
    task = Pairs()
    seen = seen_inputs(task.model, task, count=5, seed=0)
    assert [len(inputs) for inputs in seen] == [2] * 5
    assert sorted(float(x[0]) for x, _ in seen) == [0, 1, 2, 3, 4]  # one epoch
    assert all(np.array_equal(y, x + 10) for x, y in seen)
    assert {(x.dtype.name, y.dtype.name) for x, y in seen} == {("float32", "int64")}


class Gated(nn.Module):
    """Two layers, of which a mask lets through a part; `order` is no tensor and may be left out."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.up, self.down = nn.Linear(4, 8), nn.Linear(8, 2)

    def forward(self, x: Tensor, order: list[int] | None = None, mask: Tensor | None = None) -> Tensor:
        x = x if order is None else x[:, order]
        answer: Tensor = self.down(self.up(x if mask is None else x * mask).relu())
        return answer


class GatedTask:
    """Calls its network as `call` says."""

    def __init__(self, model: Gated, call: Callable[[nn.Module, Tensor, Tensor], Tensor]) -> None:
        self.model = model.eval()
        self.example_inputs = (torch.randn(2, 4),)
        self.call = call

    def batches(self) -> Iterator[Any]:
        while True:
            yield torch.randn(5, 4), torch.rand(5, 1)

    def loss(self, model: nn.Module, batch: Any) -> Tensor:
        return self.call(model, *batch).sum()

    def evaluate(self, model: nn.Module) -> Metric:
        return Metric("none", 0.0, n=1)


def checked(task: GatedTask) -> int:
    """With how many inputs a cut of half of the channels is checked: the example, two random ones, others."""
    recipe = Recipe(sparsity=0.5, measure="channels", pattern=Channels())
    structure = cuttable(task.model, task.example_inputs)
    masks = find_masks(task.model, recipe, structure=structure)
    _, outcome = cut_off(task.model, masks, recipe, structure, task)
    assert outcome.certificate is not None, outcome.refused
    return outcome.certificate.inputs


def test_a_cut_is_checked_with_the_calls_of_training_as_they_are() -> None:
    """The mask, given by position, would be taken for the order."""
    assert checked(GatedTask(Gated(), lambda model, x, mask: model(x, mask=mask))) == 5


def test_calls_that_positional_inputs_cannot_repeat_are_left_out() -> None:
    class Named(Gated):
        def forward(self, x: Tensor, *, mask: Tensor | None = None) -> Tensor:  # type: ignore[override]
            return super().forward(x, mask=mask)

    assert checked(GatedTask(Named(), lambda model, x, mask: model(x, mask=mask))) == 3
    assert checked(GatedTask(Named(), lambda model, x, mask: model(x))) == 5


def test_what_is_no_tensor_is_seen_too() -> None:
    task = GatedTask(Gated(), lambda model, x, mask: model(x, [3, 2, 1, 0], mask))
    (call,) = seen_calls(task.model, task, count=1, seed=0)
    assert list(call.arguments) == ["x", "order", "mask"]
    assert call.arguments["order"] == [3, 2, 1, 0]
    with pytest.raises(TaskError, match="tensors x, mask, and example_inputs has x"):
        seen_inputs(task.model, task, count=1, seed=0)


def test_they_repeat_and_leave_network_and_generators_alone() -> None:
    task = Tiny()
    model = task.model.train()
    model[4].eval()  # type: ignore[index]
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first = seen_inputs(model, task, count=2, seed=1)
    assert torch.equal(torch.rand(2), expected)
    again = seen_inputs(model, task, count=2, seed=1)
    other = seen_inputs(model, task, count=2, seed=2)
    assert all(np.array_equal(a, b) for (a,), (b,) in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for (a,), (b,) in zip(first, other, strict=True))
    assert model.training
    assert not model[4].training  # type: ignore[index]
    assert not model._forward_pre_hooks


def test_a_loss_that_does_not_call_the_network_is_named() -> None:
    class Hidden(Tiny):
        def loss(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
            hidden: Tensor = model.get_submodule("0")(batch[0]).sum()
            return hidden

    hidden = Hidden.__new__(Hidden)
    hidden.__dict__.update(Tiny().__dict__)
    with pytest.raises(TaskError, match=r"loss\(model, batch\) did not call the network"):
        seen_inputs(hidden.model, hidden, count=1, seed=0)
    assert not hidden.model._forward_pre_hooks


def test_a_mistake_in_the_loss_is_the_users() -> None:
    task = Pairs()
    task.loss = lambda model, batch: batch["c"]  # type: ignore[method-assign]
    with pytest.raises(TaskError, match=r"loss\(model, batch\) failed:[\s\S]*KeyError: 'c'"):
        seen_inputs(task.model, task, count=1, seed=0)
