"""How long does one call take, on a machine that other programs use too?

A single figure from a busy machine is noise, and two figures taken one after the other compare two
moments as much as two networks. So

- calls are **interleaved**, A B C A B C ...: a slow second of the machine hits all of them alike;
- each timed run follows an **untimed call** of the same network, so that it finds its own weights in
  the caches, as in a program that runs one network, and not those of its neighbour;
- where several threads are at work, a **rest** before that call lets those of the neighbour go to sleep: ONNX
  Runtime's wait busily for their next call for some 60 ms and hold the cores that this call wants;
- a call shorter than 50 us is **batched**: one run is then the mean of several calls, since below
  that the clock and the loop around it are a visible part of the time;
- Python's **garbage collector is off** while the clock runs: a collection in the middle of a call
  would be charged to that call;
- the **median** is reported, with the 10th and 90th percentile: a mean follows the one call that the
  operating system interrupted, a minimum hides what users see.
"""

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

FEWEST_RUNS = 20  # percentiles of fewer say nothing
SHORTEST_RUN_NS = 50_000  # 50 us, a thousand times the clock's own cost


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one call, over `runs` timed runs."""

    median: float
    p10: float
    p90: float
    runs: int


def time_calls(
    calls: Mapping[str, Callable[[], object]],
    *,
    warmup: int = 10,
    runs: int = 50,
    budget_s: float = 2.0,
    rest_s: float = 0.0,
) -> dict[str, Timing]:
    """Time every call, interleaved.

    Args:
        calls: what to time, by name; each needs no arguments.
        warmup: untimed calls before the first run.
        runs: timed runs of each call, at least 2.
        budget_s: seconds for the runs of all calls together. Where they are spent the timing ends
            early, but not before 20 runs (or `runs`, if that is fewer).
        rest_s: seconds of sleep before each untimed call, for calls whose threads wait busily after them.

    >>> time_calls({"nothing": lambda: None}, runs=5)["nothing"].runs
    5
    """
    repeats = {name: _repeats(call, warmup) for name, call in calls.items()}
    samples: dict[str, list[float]] = {name: [] for name in calls}
    with _collector_off():
        end = time.perf_counter() + budget_s
        for done in range(runs):
            if done >= FEWEST_RUNS and time.perf_counter() >= end:
                break
            for name, call in calls.items():
                time.sleep(rest_s)
                call()
                samples[name].append(_nanoseconds(call, repeats[name]) / 1e6)
    return {name: _summary(sample) for name, sample in samples.items()}


def _repeats(call: Callable[[], object], warmup: int) -> int:
    """Warm up; answer how many calls make one run of at least 50 us."""
    fastest = min((_nanoseconds(call, 1) for _ in range(warmup)), default=SHORTEST_RUN_NS)
    return max(1, -(-SHORTEST_RUN_NS // max(fastest, 1)))


def _nanoseconds(call: Callable[[], object], repeat: int) -> int:
    """Mean time of one call over `repeat` calls."""
    start = time.perf_counter_ns()
    for _ in range(repeat):
        call()
    return (time.perf_counter_ns() - start) // repeat


def _summary(milliseconds: Sequence[float]) -> Timing:
    deciles = statistics.quantiles(milliseconds, n=10, method="inclusive")
    return Timing(statistics.median(milliseconds), deciles[0], deciles[8], len(milliseconds))


@contextmanager
def _collector_off() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
