from collections.abc import Iterator

import numpy as np
import pytest
import torch
from tiny import Tiny
from torch import Tensor, nn

from secateur import Metric
from secateur.errors import TaskError
from secateur.recovery.inputs import seen_inputs


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
