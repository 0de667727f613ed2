import json
import math
from pathlib import Path

import pytest
from sample_report import hostile, sample, with_compression, with_everything_missing

from secateur.errors import OutputError
from secateur.report import files
from secateur.report.schema import Report


@pytest.mark.parametrize("report", [sample(), with_everything_missing(), with_compression(), hostile()])
def test_json_comes_back_as_it_was(report: Report, tmp_path: Path) -> None:
    assert files.write_json(report, tmp_path) == tmp_path / "report.json"
    assert files.read(tmp_path) == report


def test_the_page_lies_beside_it(tmp_path: Path) -> None:
    assert files.write_html(sample(), tmp_path) == tmp_path / "report.html"
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]  # and no temporary file


def test_file_names_that_are_no_utf_8_survive_in_json_and_do_not_stop_the_page(tmp_path: Path) -> None:
    report = sample()
    report["task"] = "caf\udce9.py:Task"  # how Python spells a Latin-1 byte in a path
    files.write_json(report, tmp_path)
    assert files.read(tmp_path)["task"] == report["task"]
    files.write_html(report, tmp_path)
    assert "caf?.py:Task" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_not_a_number_is_not_written(tmp_path: Path) -> None:
    report = sample()
    report["dense"]["value"] = math.nan
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(report, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_a_report(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(OutputError, match=r"report\.json could not be read.*folder of a finished run"):
            files.read(folder)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not valid JSON"),
        ('{"schema": ', "not valid JSON"),
        ('{"schema": NaN}', "it holds NaN, which JSON does not know"),
        ("[" * 100_000, "not valid JSON"),
        ("\udce9", "not valid JSON"),
        ("[1, 2]", "says schema None"),
        (
            '{"schema": "secateur-report/99"}',
            r"says schema 'secateur-report/99'\. Expected 'secateur-report/3'",
        ),
        ('{"schema": "secateur-report/3"}', r"does not fit its schema: report lacks 'secateur'"),
    ],
)
def test_what_is_not_a_report_is_refused(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(OutputError, match=reason):
        files.read(tmp_path)


def test_an_altered_value_is_named(tmp_path: Path) -> None:
    files.write_json(sample(), tmp_path)
    text = (tmp_path / "report.json").read_text()
    report = json.loads(text)
    report["pruned"]["file_bytes"] = "small"
    (tmp_path / "report.json").write_text(json.dumps(report))
    with pytest.raises(OutputError, match=r"report\.pruned\.file_bytes is 'small', expected int"):
        files.read(tmp_path)
