import copy
import json
from typing import Any

import pytest
from sample_report import a_loss_lower_is_better, hostile, sample, with_everything_missing, with_layers

from secateur.report.fit import fault
from secateur.report.schema import Report

BROKEN: list[tuple[list[Any], object, str]] = [
    (["seed"], "0", "report.seed is '0', expected int"),
    (["seed"], True, "report.seed is True, expected int"),
    (["dense", "value"], None, "report.dense.value is None, expected float"),
    (["dense", "ci95"], [0.9, "1"], "report.dense.ci95[1] is '1', expected float"),
    (["dense", "latency_ms"], [], "report.dense.latency_ms is [], expected dict"),
    (["metric", "kind"], "rank", "report.metric.kind is 'rank', expected one of ('proportion', 'mean')"),
    (["layers", 2, "bytes"], 1.5, "report.layers[2].bytes is 1.5, expected int"),
    (["layers"], {}, "report.layers is {}, expected list"),
    (["history", "pruned", 0, "step"], "x" * 99, f"report.history.pruned[0].step is '{'x' * 56}..."),
    (["curve"], {"missing": 1}, "report.curve is {'missing': 1}, expected list"),
    (["verdict", 0], 1, "report.verdict[0] is 1, expected str"),
]


@pytest.mark.parametrize("make", [sample, with_everything_missing, hostile, a_loss_lower_is_better])
def test_reports_fit_also_after_json(make: Any) -> None:
    assert fault(make(), Report, "report") is None
    assert fault(json.loads(json.dumps(make())), Report, "report") is None
    assert fault(with_layers(3), Report, "report") is None


@pytest.mark.parametrize(("place", "value", "expected"), BROKEN)
def test_the_first_fault_is_named_with_its_place(place: list[Any], value: object, expected: str) -> None:
    report: Any = copy.deepcopy(sample())
    table = report
    for key in place[:-1]:
        table = table[key]
    table[place[-1]] = value
    assert (fault(report, Report, "report") or "").startswith(expected)


def test_an_absent_key_is_a_fault_and_a_further_one_is_not() -> None:
    report: Any = sample()
    report["pruned"]["note"] = "by hand"
    assert fault(report, Report, "report") is None
    del report["pruned"]["nonzero"]
    assert fault(report, Report, "report") == "report.pruned lacks 'nonzero'"


def test_a_whole_number_may_stand_for_a_float() -> None:
    report: Any = sample()
    report["ratios"]["bytes"] = 2
    report["dense"]["value"] = 1
    assert fault(report, Report, "report") is None
