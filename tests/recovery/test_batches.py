"""The same batches after a resume, whatever else draws random numbers."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from tiny import Tiny

from secateur.errors import ResumeError, TaskError
from secateur.recovery import randomness
from secateur.recovery.batches import Batches


class ThreeGenerators(Tiny):
    """Shuffles lazily, with all three global generators."""

    def __init__(self) -> None:
        """Needs no network."""

    def batches(self) -> Iterator[Any]:
        for _ in range(5):
            yield (random.random(), float(np.random.rand()), float(torch.rand(())))


@pytest.fixture(scope="module")
def task() -> ThreeGenerators:
    return ThreeGenerators()


def disturb() -> None:
    random.random()
    np.random.rand(3)
    torch.rand(7)


def test_a_resumed_stream_goes_on_with_the_same_batches(task: ThreeGenerators) -> None:
    whole = Batches(task, seed=3)
    expected = [next(whole) for _ in range(17)]
    first = Batches(task, seed=3)
    for _ in range(8):  # in the middle of the second epoch
        next(first)
        disturb()
    state = first.state_dict()
    disturb()
    second = Batches(task, seed=99)
    second.load_state_dict(state)
    assert [next(second) for _ in range(9)] == expected[8:]


def test_epochs_differ_and_seeds_differ(task: ThreeGenerators) -> None:
    stream = Batches(task, seed=3)
    first, second = ([next(stream) for _ in range(5)] for _ in range(2))
    assert first != second
    assert next(Batches(task, seed=4)) != first[0]


def test_drawing_a_batch_leaves_the_generators_alone(task: ThreeGenerators) -> None:
    stream = Batches(task, seed=3)
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    next(stream)
    assert torch.equal(torch.rand(2), expected)


def test_no_batches_at_all_is_said_so() -> None:
    class Empty(ThreeGenerators):
        def batches(self) -> Iterator[Any]:
            return iter(())

    with pytest.raises(TaskError, match="yielded nothing"):
        next(Batches(Empty(), seed=0))


@pytest.mark.parametrize("once", [iter([1, 2, 3]), (n for n in range(3))])
def test_an_iterator_that_ends_for_good_is_refused_before_it_does(once: Iterator[int]) -> None:
    class Once(ThreeGenerators):
        def batches(self) -> Iterator[Any]:
            return once

    with pytest.raises(TaskError, match="Make a new one in it for every call"):
        next(Batches(Once(), seed=0))
    assert len(list(once)) == 3


def test_asking_for_a_second_iterator_draws_nothing(task: ThreeGenerators) -> None:
    class Eager(ThreeGenerators):
        def batches(self) -> Iterator[Any]:
            return iter([float(torch.rand(())) for _ in range(5)])

    randomness.seed_everything(3)
    expected = list(Eager().batches())
    stream = Batches(Eager(), seed=3)
    assert [next(stream) for _ in range(5)] == expected


def test_preserved_restores_all_three() -> None:
    randomness.seed_everything(5)
    with randomness.preserved():
        disturb()
    inside = (random.random(), float(np.random.rand()), float(torch.rand(())))
    randomness.seed_everything(5)
    assert inside == (random.random(), float(np.random.rand()), float(torch.rand(())))


def test_cuda_is_asked_only_where_it_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    state = [torch.get_rng_state()]
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: state)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    assert randomness.get_state()["cuda"] == []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    assert randomness.get_state()["cuda"] is state


@pytest.mark.parametrize("devices", [0, 1, 3])
def test_a_state_of_two_gpus_is_restored_where_they_are(
    monkeypatch: pytest.MonkeyPatch, devices: int
) -> None:
    restored = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: devices)
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda _, device: restored.append(device))
    of_two = torch.get_rng_state()
    randomness.set_state({**randomness.get_state(), "cuda": [of_two, of_two]})
    assert restored == list(range(min(devices, 2)))


def test_texts_in_an_array_are_known_again_after_a_resume() -> None:
    """An array of objects holds their addresses, which are others in every process."""

    class Texts(ThreeGenerators):
        def batches(self) -> Iterator[Any]:
            for _ in range(5):
                yield np.array([f"{random.random()} words", None, 3], dtype=object)

    first = Batches(Texts(), seed=0)
    kept = [next(first) for _ in range(2)]  # alive, so that no other has their addresses
    second = Batches(Texts(), seed=0)
    second.load_state_dict(first.state_dict())
    assert next(second)[0] != kept[1][0]
    state = {**first.state_dict(), "position": 1}
    with pytest.raises(ResumeError):
        Batches(Texts(), seed=0).load_state_dict(state)


@pytest.mark.parametrize("kind", [torch.clone, float, np.float32])
def test_a_generator_of_the_tasks_own_is_noticed_on_resume(kind: Callable[[torch.Tensor], Any]) -> None:
    class OwnGenerator(ThreeGenerators):
        def __init__(self) -> None:
            self.generator = torch.Generator().manual_seed(0)

        def batches(self) -> Iterator[Any]:
            for _ in range(5):
                yield {"x": kind(torch.rand(1, generator=self.generator))}

    first = Batches(OwnGenerator(), seed=0)
    for _ in range(7):  # its second epoch depends on the first one
        next(first)
    state = first.state_dict()
    with pytest.raises(ResumeError, match="not with a generator of the task's own"):
        Batches(OwnGenerator(), seed=0).load_state_dict(state)
