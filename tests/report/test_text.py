import pytest
from rich.console import Console
from sample_report import (
    HOSTILE,
    guessing_at_random,
    hostile,
    sample,
    with_compression,
    with_compression_undone,
    with_cut,
    with_cut_undone,
    with_everything_missing,
    without_pruning,
)

from secateur.report.schema import Report
from secateur.report.text import render


def printed(report: Report, width: int = 80) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(render(report))
    return capture.get()


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize(
    "report",
    [
        sample(),
        with_everything_missing(),
        guessing_at_random(),
        with_compression(),
        with_compression_undone(),
        with_cut(),
        with_cut_undone(),
        without_pruning(),
    ],
)
def test_it_fits_and_nothing_is_cut(report: Report, width: int) -> None:
    lines = printed(report, width).splitlines()
    assert max(map(len, lines)) <= width
    assert "\u2026" not in "".join(lines)  # rich's sign for cut text
    words = " ".join(" ".join(lines).split())
    assert all(sentence in words for sentence in report["verdict"])


def test_rows_are_networks_and_columns_their_numbers() -> None:
    lines = printed(sample()).splitlines()
    pruned = next(i for i, line in enumerate(lines) if line.startswith("Pruned"))
    assert lines[pruned].split() == ["Pruned", "98.61", "%", "5,511", "90.0", "%", "17.3", "kB", "0.0409"]
    assert lines[pruned + 1].split() == ["96.80", "to", "99.40", "%", "0.0397", "to", "0.0458"]
    names = ["Dense ", "Dense control", "Pruned", "Random pruning", "Small dense"]
    order = [next(i for i, line in enumerate(lines) if line.startswith(name)) for name in names]
    assert order == sorted(order)


def rows(report: Report) -> dict[str, list[str]]:
    """First word or two of a line -> its other words; of two lines, the later one, in the lower table."""
    lines = (line.split("  ") for line in printed(report).splitlines())
    return {line[0].strip(): " ".join(line[1:]).split() for line in lines}


def test_each_step_to_the_file_has_its_value_its_bytes_and_its_ratio() -> None:
    found = rows(with_compression())
    assert found["step by step"] == ["accuracy", "bytes", "smaller"]
    assert found["Dense"] == ["98.89", "%", "212,704", ".safetensors", "1.00x"]
    assert found["Pruned"] == ["98.61", "%", "17,312", ".sct", "12.3x"]
    assert found["Shared"] == ["98.06", "%", "9,084", ".sct", "23.4x"]
    assert found["Trained on"] == ["98.33", "%", "9,120", ".sct", "23.3x"]
    assert found["Compressed"][:2] == ["98.33", "%"]


def test_what_was_undone_leaves_its_steps_and_a_reason() -> None:
    text = printed(with_compression_undone())
    assert "Trained on" in text
    assert "[1] it cost more than max_drop allows and was undone" in text
    assert "12.3x smaller than the dense safetensors file" in " ".join(text.split())


def test_where_nothing_was_asked_for_nothing_is_said() -> None:
    text = printed(sample())
    assert "step by step" not in text
    assert "Compressed" not in text


def test_a_network_that_was_not_pruned_is_not_called_so() -> None:
    found = rows(without_pruning())
    assert "Pruned" not in found
    assert found["Lossless"][2:] == ["17,312", ".sct", "12.3x"]


def test_a_difference_that_was_asked_for_is_said_to_be_one() -> None:
    text = " ".join(printed(with_compression()).split())
    assert text.count("the rounding that compression asked for included") == 2
    assert "rounding" not in printed(sample())


def test_ratios_and_certificates() -> None:
    text = " ".join(printed(sample()).split())
    assert "12.3x smaller than the dense safetensors file" in text
    assert "without pruning: 1.08x smaller" in text
    assert "9.62x fewer that are not zero" in text
    assert "no faster (0.0412 to 0.0409 ms; onnxruntime, 1 thread, batch 1)" in text
    assert "Runtime (0.0412 to 0.0173 ms, both timed anew, in turn)" in text
    assert "every removed weight is exactly zero" in text
    assert "at most 4.8e-07" in text


def test_missing_values_have_footnotes_each_reason_once() -> None:
    text = printed(with_everything_missing())
    lines = [line.strip() for line in text.splitlines()]
    assert "[1] the task gives a mean without a standard deviation" in lines
    assert "[5] the task has no narrow(width)" in lines
    assert text.count("the runtime is not installed") == 1
    assert text.count("- [2]") == 3  # dense, pruned, and their ratio


def test_a_small_network_that_was_hardly_trained_has_a_footnote() -> None:
    report = sample()
    report["small_dense_baseline"]["steps"] = 600  # type: ignore[typeddict-unknown-key]
    text = printed(report)
    assert "Small dense [1]" in text
    assert "[1] no fair baseline: it was trained from scratch in the steps of recovery" in text


def test_a_complete_report_has_no_footnotes() -> None:
    assert "[1]" not in printed(sample())


def test_square_brackets_are_no_markup() -> None:
    text = printed(hostile(), 200)
    assert "[bold red]not markup[/bold red]" in text
    assert HOSTILE in text


def test_a_cut_shows_widths_and_its_certificate_in_place_of_the_zeros() -> None:
    facts = " ".join(printed(with_cut(), width=200).split())
    assert "widths 40 of 96 channels are left, 4.00x fewer multiply-adds (1,000,000 to 250,000)" in facts
    assert "cut the cut network differs from the masked one by at most 1.2e-06 (2.0e-07 of" in facts
    assert "removed weight is exactly zero" not in facts
    assert "the cut was undone: Net.forward answers otherwise" in printed(with_cut_undone(), width=200)
