"""What do the files come to, in tables?"""

from collections.abc import Mapping, Sequence
from statistics import mean

from benchmarks.common import spread, table
from benchmarks.size_files import BOTH, BOTH_INT8, CONTROL, DENSE, INT8, PRUNED, SHARED, Made
from benchmarks.size_tasks import Subject

from secateur.artifact import stream_figures

Runs = Sequence[Mapping[str, Made]]
COLUMNS = {
    "pruned": PRUNED,
    "shared": SHARED,
    "int8": INT8,
    "pruned, int8": BOTH_INT8,
    "pruned, shared": BOTH,
}


def summary(results: Mapping[str, Runs]) -> str:
    """One row for each network: times smaller than dense safetensors, and points lost with both."""
    rows = []
    for name, runs in results.items():
        smaller = [f"{_smaller(runs, column):.1f}x" for column in COLUMNS.values()]
        lost = f"{_mean(runs, BOTH) - _mean(runs, DENSE):+.2f}"
        control = f"{_mean(runs, BOTH) - _mean(runs, CONTROL):+.2f}"
        rows.append([name, *smaller, lost, control])
    header = ["times smaller", *COLUMNS, "points against dense", "against trained on"]
    return table(header, rows)


def one_network(subject: Subject, runs: Runs) -> str:
    """All files of a network."""
    rows = []
    for name in runs[0]:
        left = [run[name].left for run in runs]
        kept = [value for value in left if value is not None]
        rows.append(
            [
                name,
                f"{mean(run[name].size for run in runs):,.0f}",
                f"{_smaller(runs, name):.1f}",
                f"{100 * mean(kept):.1f} %" if kept else "",
                spread([run[name].percent for run in runs]),
                f"{_mean(runs, name) - _mean(runs, DENSE):+.2f}",
            ]
        )
    header = ["file", "bytes", "times smaller", "weights left", "test accuracy, %", "against dense, points"]
    return f"{table(header, rows)}\n\n{_goal(subject, runs)}"


def _goal(subject: Subject, runs: Runs) -> str:
    goal = subject.goal
    against = DENSE if goal.against == "dense" else CONTROL
    lost = _mean(runs, against) - _mean(runs, BOTH)
    smaller = _smaller(runs, BOTH)
    reached = smaller >= goal.times_smaller and lost <= goal.points_lost
    return (
        f'Goal: {goal.times_smaller:g}x smaller, at most {goal.points_lost:g} points under "{against}". '
        f"Pruned and shared: {smaller:.1f}x, {lost:+.2f} points lost: {'reached' if reached else 'missed'}. "
        f"{_bound(runs)} {len(runs)} seed{'s' if len(runs) > 1 else ''}; method {subject.sharing.method}."
    )


def _bound(runs: Runs) -> str:
    """How near the streams of the smallest file come to their entropy."""
    figures = [figure for run in runs if (path := run[BOTH].path) for figure in stream_figures(path)]
    stored, entropy = sum(f.stored for f in figures), sum(f.entropy for f in figures)
    return f"Its streams have {100 * (stored / entropy - 1):.1f} % more bytes than their entropy."


def _smaller(runs: Runs, name: str) -> float:
    return mean(run[DENSE].size / run[name].size for run in runs)


def _mean(runs: Runs, name: str) -> float:
    return mean(run[name].percent for run in runs)
