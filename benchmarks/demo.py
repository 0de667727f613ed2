"""Does the demo keep its promises: 90 % gone, half a point lost at most, a file 7 times smaller, a minute?

The demo's own task and recipe, through `secateur.prune` as the command line does it.
"""

import time
from dataclasses import replace
from statistics import mean
from typing import cast

from benchmarks.common import Options, Sheet, options, spread, table

from secateur import Recipe, prune
from secateur.cli.init import TEMPLATES
from secateur.recipe.toml import read
from secateur.report.schema import Entry, Report, is_missing
from secateur.tasks import import_file

NETWORKS = {
    "dense": "dense",
    "dense_control": "dense, trained on for as many steps with the same teacher",
    "pruned": "secateur, 90 % of the weights gone",
    "random_baseline": "random pruning, 90 % of the weights gone",
    "small_dense_baseline": "dense from scratch, no larger than the pruned file",
}


def main() -> None:
    """Run the demo once per seed."""
    with options("demo", "Does the demo keep its promises?") as given:
        recipe = read(TEMPLATES / "recipe.toml")
        if given.quick:
            recipe = replace(recipe, recovery=replace(recipe.recovery, steps=10, evaluate_every=10))
        sheet = Sheet(given, "Demo: scikit-learn's handwritten digits")
        reports: list[Report] = []
        seconds: list[float] = []
        busy: list[float] = []
        for seed in given.seeds:
            started, work = time.perf_counter(), time.process_time()
            reports.append(one_run(given, recipe, seed))
            seconds.append(time.perf_counter() - started)
            busy.append(time.process_time() - work)
            print(f"seed {seed}: {seconds[-1]:.0f} s", flush=True)
            sheet.put("90 % removed", _text(reports, seconds, busy))
        print(f"\n{sheet}")


def one_run(given: Options, recipe: Recipe, seed: int) -> Report:
    """Train the dense network, prune it, and compare."""
    digits = import_file(TEMPLATES / "task.py").Digits
    if given.quick:
        digits.training_steps = 10
    return prune(digits(seed=seed), recipe, seed=seed).report


def _text(reports: list[Report], seconds: list[float], busy: list[float]) -> str:
    rows = []
    for name, words in NETWORKS.items():
        entries = [_entry(report, name) for report in reports]
        accuracy = spread([100 * entry["value"] for entry in entries])
        size = spread([entry["file_bytes"] / 1000 for entry in entries], 1)
        rows.append([words, accuracy, size, entries[0]["file_format"]])
    lost = [100 * (report["dense"]["value"] - report["pruned"]["value"]) for report in reports]
    ratios = [report["ratios"]["bytes"] for report in reports]
    goals = [
        ["points lost against dense, mean", "at most 0.5", spread(lost), _met(mean(lost) <= 0.5)],
        ["`.sct` smaller than the dense safetensors", "7x", f"{spread(ratios, 1)}x", _met(mean(ratios) >= 7)],
        ["seconds of the whole run", "60", spread(seconds, 0), _met(max(seconds) < 60)],
        ["processor seconds of it, all cores together", "", spread(busy, 0), ""],
    ]
    header = ["network", "test accuracy, %", "file, kB", "format"]
    return f"{table(header, rows)}\n\n{table(['what', 'goal', 'measured', ''], goals)}"


def _met(reached: bool) -> str:
    return "reached" if reached else "missed"


def _entry(report: Report, name: str) -> Entry:
    found = report[name]  # type: ignore[literal-required]
    assert not is_missing(found), f"the demo's task gives all that {name} needs"
    return cast(Entry, found)


if __name__ == "__main__":
    main()
