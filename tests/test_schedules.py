import itertools

import pytest

from secateur import Gradual, Iterative, OneShot
from secateur.core.protocols import Schedule
from secateur.errors import RecipeError
from secateur.schedules import SCHEDULES

STEPS = (12, 50, 101, 1000)


@pytest.mark.parametrize(("name", "steps"), list(itertools.product(SCHEDULES, STEPS)))
def test_every_schedule_rises_to_the_whole_goal(name: str, steps: int) -> None:
    schedule = SCHEDULES[name]()
    due = [d for step in range(steps) if (d := schedule(step, steps)) is not None]
    assert due == sorted(due)
    assert due[0] >= 0
    assert due[-1] == 1.0


@pytest.mark.parametrize(("name", "steps"), list(itertools.product(SCHEDULES, STEPS)))
def test_rounds_tile_the_run(name: str, steps: int) -> None:
    schedule = SCHEDULES[name]()
    rounds = sorted({schedule.round(step, steps) for step in range(steps)})
    assert rounds[0][0] == 0
    assert sum(length for _, length in rounds) == steps
    assert all(a + n == b for (a, n), (b, _) in itertools.pairwise(rounds))


def test_gradual_is_the_cubic_of_the_paper() -> None:
    schedule = Gradual(begin=0.0, end=0.5, every=25)
    due = [schedule(step, 200) for step in (0, 25, 50, 75, 100)]
    assert due == [0.0, 1 - 0.75**3, 1 - 0.5**3, 1 - 0.25**3, 1.0]
    assert schedule(26, 200) is None
    assert schedule(150, 200) is None


def test_one_shot_fires_once() -> None:
    assert [OneShot(at=0.5)(step, 4) for step in range(4)] == [None, None, 1.0, None]


def test_fractions_that_are_no_binary_numbers_fall_on_their_step() -> None:
    assert OneShot(at=0.29)(29, 100) == 1.0  # 0.29 * 100 is 28.999999999999996
    assert Gradual(begin=0.07, end=0.57, every=1)(57, 100) == 1.0


def test_iterative_by_hand() -> None:
    schedule = Iterative(rounds=2, rewind=0.5)
    assert [schedule(step, 9) for step in range(9)] == [None] * 3 + [0.75] + [None] * 2 + [1.0] + [None] * 2
    assert [schedule.round(step, 10) for step in (0, 3, 6, 9)] == [(0, 3), (3, 3), (6, 4), (6, 4)]


@pytest.mark.parametrize(
    "make",
    [
        lambda: OneShot(at=1.0),
        lambda: Gradual(begin=0.5, end=0.5),
        lambda: Gradual(end=1.0),
        lambda: Gradual(every=0),
        lambda: Iterative(rounds=0),
        lambda: Iterative(rewind=1.0),
    ],
)
def test_impossible_schedules_are_refused(make: type[Schedule]) -> None:
    with pytest.raises(RecipeError, match="expected"):
        make()
