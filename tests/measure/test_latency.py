import gc
import itertools
import statistics
import time
from collections.abc import Callable

import pytest

from secateur.measure.latency import Timing, time_calls


def busy(milliseconds: float) -> Callable[[], object]:
    """Keeps the processor for so long; sleeping would depend on the scheduler."""

    def call() -> None:
        end = time.perf_counter_ns() + int(milliseconds * 1e6)
        while time.perf_counter_ns() < end:
            pass

    return call


def test_a_call_of_known_length() -> None:
    timing = time_calls({"one": busy(1.0)}, warmup=1, runs=5)["one"]
    assert timing.runs == 5
    assert 1.0 <= timing.p10 <= timing.median <= timing.p90
    assert timing.p10 < 3.0  # a busy test machine adds to many runs, but does not treble all of them


def test_calls_are_interleaved_each_after_an_untimed_call_of_itself() -> None:
    seen: list[str] = []

    def noting(name: str) -> Callable[[], object]:
        def call() -> None:
            seen.append(name)
            busy(0.1)()  # long enough not to be batched

        return call

    time_calls({"A": noting("A"), "B": noting("B")}, warmup=3, runs=4)
    assert "".join(seen) == "AAABBB" + "AABB" * 4


def test_a_rest_lets_threads_that_wait_busily_go_to_sleep_before_the_untimed_call() -> None:
    begun: list[float] = []

    def noting() -> None:
        begun.append(time.perf_counter())
        busy(0.1)()

    time_calls({"A": noting, "B": noting}, warmup=0, runs=3, rest_s=0.02)
    apart = [later - earlier for earlier, later in itertools.pairwise(begun)]
    assert min(apart[1::2]) >= 0.02  # from a timed call to the next one's untimed call
    assert statistics.median(apart[::2]) < 0.02


def test_a_short_call_is_batched_and_still_timed_per_call() -> None:
    counter = itertools.count()
    timing = time_calls({"next": lambda: next(counter)}, warmup=10, runs=10)["next"]
    assert next(counter) > 10 + 10 * 20  # warm-up, then 10 runs of many calls
    assert timing.median < 0.05


def test_median_and_deciles_of_known_times(monkeypatch: pytest.MonkeyPatch) -> None:
    # A clock by which the runs take 1, 2, ... 11 ms.
    ticks = iter(int(t * 1e6) for run in range(1, 12) for t in (0, run))
    with monkeypatch.context() as patch:
        patch.setattr(time, "perf_counter_ns", lambda: next(ticks))
        timing = time_calls({"call": lambda: None}, warmup=0, runs=11, budget_s=60)["call"]
    assert timing == Timing(median=6.0, p10=2.0, p90=10.0, runs=11)


def test_a_spent_budget_ends_it_but_not_before_twenty_runs() -> None:
    timings = time_calls({"A": busy(0.5), "B": busy(0.5)}, warmup=1, runs=1000, budget_s=0.0)
    assert {name: timing.runs for name, timing in timings.items()} == {"A": 20, "B": 20}
    assert time_calls({"A": busy(0.1)}, warmup=1, runs=7, budget_s=0.0)["A"].runs == 7


@pytest.mark.parametrize("on", [True, False])
def test_no_garbage_collection_while_the_clock_runs(on: bool) -> None:
    enabled: list[bool] = []
    was_on = gc.isenabled()
    (gc.enable if on else gc.disable)()
    try:
        time_calls({"call": lambda: enabled.append(gc.isenabled())}, warmup=0, runs=3)
        assert not any(enabled)
        assert gc.isenabled() == on  # as it was before
    finally:
        (gc.enable if was_on else gc.disable)()


def test_the_collector_comes_back_after_a_failing_call() -> None:
    def failing() -> None:
        raise ValueError("from the user's network")

    assert gc.isenabled()
    with pytest.raises(ValueError, match="from the user's network"):
        time_calls({"call": failing}, warmup=0, runs=3)
    assert gc.isenabled()
