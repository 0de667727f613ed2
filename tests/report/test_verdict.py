"""The sentences claim what was measured and nothing else."""

import copy

from sample_report import latency, sample

from secateur.report.schema import Report
from secateur.report.verdict import verdict


def finished() -> Report:
    report = copy.deepcopy(sample())
    report["recipe"]["measure"] = "weights"
    return report


def sentences(report: Report, *, taught: bool = True, wanted_teacher: bool = True) -> str:
    return " ".join(verdict(report, taught=taught, wanted_teacher=wanted_teacher))


def changed(**pruned: object) -> Report:
    report = finished()
    report["pruned"].update(pruned)  # type: ignore[typeddict-item]
    return report


def timed(before: float, after: float) -> Report:
    report = finished()
    for entry, median in ((report["dense"], before), (report["pruned"], after)):
        entry["latency_ms"] = latency(median)
    return report


def test_a_gain_below_the_noise_is_not_called_faster() -> None:
    text = sentences(timed(1.0, 0.95))
    assert "A call is no faster: 1.00 ms before, 0.950 ms after" in text
    assert "whole channels removed" in text


def test_a_real_gain_and_a_real_loss_are_named() -> None:
    assert "A call is 2.00x faster" in sentences(timed(1.0, 0.5))
    slower = sentences(timed(0.5, 1.0))
    assert "A call is 2.00x slower" in slower
    assert "zeros alone save bytes, not time" in slower


def test_a_file_that_grew_is_said_so() -> None:
    assert "The file is not smaller" in sentences(changed(file_bytes=10**9))


def test_a_loss_beyond_the_interval_brings_advice() -> None:
    report = finished()
    low = report["dense"]["ci95"][0]  # type: ignore[literal-required]
    assert "more than chance explains" in sentences(changed(value=low - 0.01))
    assert "more than chance explains" not in sentences(changed(value=low + 0.001))


def test_a_teacher_that_was_not_heard_is_noticed_only_where_one_was_wanted() -> None:
    assert "Distillation was asked for but did not happen" in sentences(finished(), taught=False)
    assert "Distillation" not in sentences(finished(), taught=False, wanted_teacher=False).replace(
        "distillation", ""
    )


def test_choosing_on_the_reported_examples_is_confessed() -> None:
    report = finished()
    report["metric"]["checkpoint_chosen_on"] = "evaluate"
    assert "slightly better than it is" in sentences(report)
