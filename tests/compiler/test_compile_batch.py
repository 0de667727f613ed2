"""Large batches of images are computed one after the other; what mixes its examples is not."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import secateur
from secateur.compiler import CompiledModel
from secateur.graph.trace import trace


class Plain(nn.Module):
    """Of operators that are known to treat their examples one by one."""

    def __init__(self, tail: Callable[[Tensor], Tensor] = lambda x: x) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 40, 3, padding=1), nn.BatchNorm2d(40), nn.ReLU())
        self.head = nn.Linear(40, 5)
        self.tail = tail

    def forward(self, x: Tensor) -> Tensor:
        x = self.layers(x)
        x = torch.cat([x, x], dim=1).mean((2, 3))
        answer: Tensor = self.tail(self.head(x.reshape(x.shape[0], 2, 40).mean(1)))
        return answer


class Sliced(Plain):
    """With an operator of which that is not known."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)[:, 1:]


def compiled(model: nn.Module, x: Tensor, threads: int = 1) -> CompiledModel:
    return secateur.compile(model.eval(), example_inputs=(x,), threads=threads)


def loop(model: CompiledModel) -> bool:
    return "One example after the other" in model.sources.files["model.c"].decode()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("network", [Plain, Sliced])
def test_each_example_has_its_own_answer(network: type[Plain], threads: int) -> None:
    torch.manual_seed(0)
    model, x = network(), torch.randn(6, 3, 40, 40)
    found = compiled(model, x, threads)
    assert loop(found) == (network is Plain)
    assert found.sources.inputs[0].shape == (6, 3, 40, 40)
    assert np.allclose(found(x.numpy()), model(x).detach().numpy(), atol=1e-5)


def test_a_large_batch_is_a_loop_and_needs_the_memory_of_one() -> None:
    torch.manual_seed(0)
    model, x = Plain(), torch.randn(6, 3, 40, 40)
    found, one = compiled(model, x), compiled(model, x[:1])
    assert loop(found)
    assert not loop(one)
    assert found.sources.sizes.arena == one.sources.sizes.arena
    assert np.allclose(found(x.numpy()), model(x).detach().numpy(), atol=1e-5)


@pytest.mark.parametrize(("batch", "threads"), [(7, 3), (6, 2), (2, 3)])
def test_threads_compute_examples_of_their_own_and_share_those_left_over(batch: int, threads: int) -> None:
    torch.manual_seed(0)
    model, x = Plain(), torch.randn(batch, 3, 90, 90)
    alone, shared = compiled(model, x), compiled(model, x, threads)
    assert loop(shared)
    assert shared.sources.sizes.arena >= min(batch, threads) * alone.sources.sizes.arena
    expected = alone(x.numpy()).copy()
    for _ in range(20):
        np.testing.assert_array_equal(shared(x.numpy()), expected)


def test_a_batch_that_fits_the_cache_is_computed_at_once() -> None:
    assert not loop(compiled(Plain(), torch.randn(2, 3, 9, 9)))


@pytest.mark.parametrize(
    "mixes",
    [
        lambda y: y - y.mean(0, keepdim=True),
        lambda y: y.softmax(0),
        lambda y: y.T,
        lambda y: y.reshape(-1),
        lambda y: y.flip(0),
        lambda y: y + torch.arange(6.0)[:, None],
        lambda y: y @ y.T,
    ],
)
def test_what_mixes_examples_is_computed_at_once(mixes: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    model, x = Plain(mixes), torch.randn(6, 3, 40, 40)
    found = compiled(model, x)
    assert not loop(found)
    assert np.allclose(found(x.numpy()), model(x).detach().numpy(), atol=1e-5)


class Constants(nn.Module):
    """Images, and a constant that has a part for each example."""

    def __init__(self, mixed: Callable[[Tensor, Tensor], Tensor], *sizes: int) -> None:
        super().__init__()
        self.conv, self.mixed = nn.Conv2d(3, 40, 3, padding=1), mixed
        self.constant = nn.Parameter(torch.randn(*sizes))

    def forward(self, x: Tensor) -> Tensor:
        return self.mixed(self.conv(x).relu().mean((2, 3)), self.constant)


@pytest.mark.parametrize(
    "model",
    [
        Constants(torch.matmul, 6, 40, 5),
        Constants(lambda y, c: y[:, None] @ c, 6, 40, 5),
        Constants(lambda y, c: torch.cat([y, c.expand(6, 5)], 1), 6, 5),
        Constants(lambda y, c: torch.cat([y, c.expand(6, 5)], 1), 1, 5),
        Constants(lambda y, c: y * c, 6, 40),
        Constants(lambda y, c: torch.addmm(y[0, :6], y[:, :4], c), 4, 6),
    ],
)
def test_constants_with_a_part_for_each_example_are_not_taken_apart(model: Constants) -> None:
    x = torch.randn(6, 3, 40, 40)
    found = compiled(model, x)
    assert not loop(found)
    assert np.allclose(found(x.numpy()), model(x).detach().numpy(), atol=1e-5)


def test_an_exported_batch_size_is_followed() -> None:
    model, x = Plain().eval(), torch.randn(6, 3, 40, 40)
    graph = trace(model, (x,))
    found = secateur.compile(graph, shapes={str(graph.graph.inputs[0].name): x.shape})
    assert loop(found)
    assert np.allclose(found(x.numpy()), model(x).detach().numpy(), atol=1e-5)
