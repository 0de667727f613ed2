import pytest
from rich.console import Console
from sample_report import HOSTILE, guessing_at_random, hostile, sample, with_everything_missing

from secateur.report.schema import Report
from secateur.report.text import render


def printed(report: Report, width: int = 80) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(render(report))
    return capture.get()


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("report", [sample(), with_everything_missing(), guessing_at_random()])
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


def test_ratios_and_certificates() -> None:
    text = " ".join(printed(sample()).split())
    assert "12.3x smaller than the dense safetensors file" in text
    assert "without pruning: 1.08x smaller" in text
    assert "9.62x fewer that are not zero" in text
    assert "no faster (1.01x; onnxruntime, 1 thread, batch 1)" in text
    assert "every removed weight is exactly zero" in text
    assert "at most 4.8e-07" in text


def test_missing_values_have_footnotes_each_reason_once() -> None:
    text = printed(with_everything_missing())
    lines = [line.strip() for line in text.splitlines()]
    assert "[1] the task gives a mean without a standard deviation" in lines
    assert "[5] the task has no narrow(width)" in lines
    assert text.count("the runtime is not installed") == 1
    assert text.count("- [2]") == 3  # dense, pruned, and their ratio


def test_a_complete_report_has_no_footnotes() -> None:
    assert "[1]" not in printed(sample())


def test_square_brackets_are_no_markup() -> None:
    text = printed(hostile(), 200)
    assert "[bold red]not markup[/bold red]" in text
    assert HOSTILE in text
