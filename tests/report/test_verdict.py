"""The sentences claim what was measured and nothing else."""

import copy

import pytest
from sample_report import (
    latency,
    sample,
    with_compression,
    with_compression_undone,
    with_cut,
    with_cut_undone,
    without_pruning,
)

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
    assert "That is more than chance explains" in sentences(changed(value=low - 0.01))
    assert "more than chance explains" not in sentences(changed(value=low + 0.001))


def chosen(pruned: float, random: float, pattern: dict[str, object], *, higher: bool = True) -> str:
    """The first sentence where pruned and randomly pruned network have these values."""
    report = changed(value=pruned)
    report["random_baseline"]["value"] = random  # type: ignore[typeddict-unknown-key]
    report["metric"]["kind"], report["metric"]["higher_is_better"] = "mean", higher
    report["recipe"]["pattern"] = pattern
    return verdict(report, taught=True, wanted_teacher=True)[0]


def test_a_choice_no_better_than_dice_is_said_first_with_what_to_try() -> None:
    worse = "The criterion 'magnitude' chose worse than chance, by 0.129: random pruning at the same sparsity"
    channels = {"name": "channels", "relative": True}
    for higher, pruned, random in ((False, 0.4207, 0.2913), (True, 0.2913, 0.4207)):
        text = chosen(pruned, random, channels, higher=higher)
        assert text.startswith(f"{worse} reaches {random}, the pruned network {pruned}.")
        assert "another criterion, `relative = false` in the pattern, or another `measure`" in text
        assert "criterion" not in chosen(random, pruned, channels, higher=higher)
    assert "`relative = true`" in chosen(0.2, 0.3, {"name": "heads", "relative": False})
    equal = chosen(0.3, 0.3, {"name": "elements"})
    assert "chose no better than chance: random pruning" in equal
    assert "another allocation" in equal


def test_a_difference_within_the_interval_is_not_called_worse_than_chance() -> None:
    for random, said in (
        (0.95, "no better than chance (5.00 points worse, within"),
        (0.99, "worse than chance, by 9.0"),
    ):
        report = changed(value=0.90, ci95=(0.84, 0.96))
        report["random_baseline"]["value"] = random  # type: ignore[typeddict-unknown-key]
        assert f"chose {said}" in verdict(report, taught=True, wanted_teacher=True)[0]


def test_a_lead_within_the_interval_is_said_to_be_one() -> None:
    report = changed(value=0.90, ci95=(0.84, 0.96))
    for random, margin in ((0.88, True), (0.80, False)):
        report["random_baseline"]["value"] = random  # type: ignore[typeddict-unknown-key]
        assert ("bytes), within the margin of so few examples." in sentences(report)) == margin


def test_dice_are_heard_once_and_not_held_against_dice() -> None:
    report = changed(value=0.5)
    assert sentences(report).count("andom pruning") == 1
    report["recipe"]["criterion"]["name"] = "random"
    assert "than chance" not in verdict(report, taught=True, wanted_teacher=True)[0]
    assert "Random pruning at the same sparsity reaches 93.33 % (17,840 bytes)." in sentences(report)


def test_a_small_network_that_was_hardly_trained_is_no_fair_baseline() -> None:
    report = finished()
    assert "It was trained from scratch for 1,200 steps." in sentences(report)
    report["small_dense_baseline"]["steps"] = 600  # type: ignore[typeddict-unknown-key]
    text = sentences(report)
    assert "It is no fair baseline: it was trained from scratch in the steps of recovery alone" in text
    assert "for 600 steps" not in text


def test_a_small_network_of_far_fewer_bytes_is_no_fair_baseline() -> None:
    report = finished()
    report["small_dense_baseline"]["file_bytes"] = 8_656  # type: ignore[typeddict-unknown-key]
    assert "of about the same bytes reaches" in sentences(report)  # 2.00 times smaller
    report["small_dense_baseline"]["file_bytes"] = 4_328  # type: ignore[typeddict-unknown-key]
    text = sentences(report)
    assert (
        "The small dense network reaches 96.94 % (4,328 bytes). It is no fair baseline: its file is 4.00x"
        in text
    )
    assert "about the same bytes" not in text


def test_two_times_of_the_same_network_that_disagree_are_told() -> None:
    report = finished()
    assert "machine was busy" not in sentences(report)
    report["dense"]["latency_ms"] = latency(0.0206)
    assert "the dense network took 0.0206 ms a call beside the other networks, and 0.0412" in sentences(
        report
    )


def test_a_teacher_that_was_not_heard_is_noticed_only_where_one_was_wanted() -> None:
    assert "Distillation was asked for but did not happen" in sentences(finished(), taught=False)
    assert "Distillation" not in sentences(finished(), taught=False, wanted_teacher=False).replace(
        "distillation", ""
    )


def whole(report: Report) -> Report:
    report["recipe"]["measure"] = "weights"
    return report


def test_compression_tells_bytes_and_what_it_costs_where() -> None:
    text = sentences(whole(with_compression()))
    assert "The method 'codebook' makes 17,312 bytes 9,120. It loses 0.28 points" in text
    assert "on the examples of validate()." in text
    assert "212,704 bytes as dense safetensors, 9,120 as .sct" in text
    assert "Accuracy: 98.89 % before, 98.33 % after" in text
    assert "undone" not in text


def test_what_was_undone_is_said_with_what_was_allowed_and_the_rest_speaks_of_the_pruned_network() -> None:
    text = sentences(whole(with_compression_undone()))
    assert "but loses 1.25 points on the examples of validate(), where 0.50 points are allowed" in text
    assert "it was undone" in text
    assert "A finer method or more recovery steps would help." in text
    assert "212,704 bytes as dense safetensors, 17,312 as .sct" in text
    assert "Accuracy: 98.89 % before, 98.61 % after" in text


def test_a_gain_is_no_loss_and_a_mean_has_no_points() -> None:
    report = whole(with_compression())
    report["compression"]["drop"] = -0.0028  # type: ignore[typeddict-unknown-key]
    assert "It gains 0.28 points on" in sentences(report)
    error = {"name": "error", "kind": "mean", "higher_is_better": False, "checkpoint_chosen_on": "evaluate"}
    report["metric"].update(error)  # type: ignore[typeddict-item]
    assert "It gains 0.0028 on the examples of evaluate()." in sentences(report)


def test_where_nothing_was_removed_nothing_is_said_to_be_gone() -> None:
    text = sentences(whole(without_pruning()))
    assert "gone" not in text
    assert "Random pruning" not in text
    assert "The method 'codebook' makes" in text
    assert "The method" not in sentences(finished())


def test_zeros_that_came_with_the_network_are_not_called_this_runs() -> None:
    report = whole(without_pruning())
    report["recipe"]["sparsity"] = 0.0
    report["compressed"]["sparsity"] = 0.9  # type: ignore[typeddict-unknown-key]
    text = sentences(report)
    assert "90.0 % of the weights were gone before." in text
    assert "are gone" not in text
    assert "Compression alone gives" in text


def test_choosing_on_the_reported_examples_is_confessed() -> None:
    report = finished()
    report["metric"]["checkpoint_chosen_on"] = "evaluate"
    assert "slightly better than it is" in sentences(report)


def test_a_cut_tells_widths_arithmetic_and_its_proof() -> None:
    text = sentences(whole(with_cut()))
    assert "40 of 96 channels are left, 4.00x fewer multiply-adds" in text
    assert "Proof: the cut network differs from the masked one by at most 1.2e-06" in text
    assert "multiplies by zeros" not in text  # there are none: what is slow has another reason
    undone = sentences(whole(with_cut_undone()))
    assert "The cut was undone: Net.forward answers otherwise The file holds the masked network." in undone


@pytest.mark.parametrize("higher", [True, False])
def test_a_control_that_no_step_made_better_is_said_to_be_as_before(higher: bool) -> None:
    report, kept = finished(), "none of them made it better"
    report["metric"]["higher_is_better"] = higher
    way = report["history"]["dense_control"]
    for point in way:
        point["value"] = 0.5
    assert kept in sentences(report)  # the first of equals is kept
    way[-1]["value"] = 0.6 if higher else 0.4
    assert kept not in sentences(report)
    way[-1]["value"] = 0.4 if higher else 0.6
    assert kept in sentences(report)
    del report["history"]["dense_control"]
    assert kept not in sentences(report)
