import re
from pathlib import Path
from typing import get_type_hints, is_typeddict

import pytest
from sample_report import sample

from secateur.report import files, schema

DOC = Path(__file__).parents[2] / "docs" / "report.md"
TABLES = {name: table for name, table in vars(schema).items() if is_typeddict(table)}


def rows(section: str) -> dict[str, str]:
    """Key -> row of the table under a heading of the document."""
    text = DOC.read_text(encoding="utf-8")
    found = re.search(rf"^## {section}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"docs/report.md has no section '## {section}'"
    lines = re.findall(r"^\| `(\w+)` \|.*$", found[1], re.MULTILINE)
    return {key: next(line for line in found[1].splitlines() if f"| `{key}` |" in line) for key in lines}


@pytest.mark.parametrize("name", TABLES)
def test_every_key_of_the_schema_is_documented_and_no_other(name: str) -> None:
    assert list(rows(name)) == list(get_type_hints(TABLES[name]))


@pytest.mark.parametrize("name", TABLES)
def test_the_document_says_when_a_field_is_missing(name: str) -> None:
    for key, kind in get_type_hints(TABLES[name]).items():
        row = rows(name)[key]
        when = row.split("|")[3].strip() if row.count("|") == 4 else ""
        assert bool(when) == ("Missing" in str(kind)), f"{name}.{key}"


def test_the_schema_s_number_is_the_documented_one() -> None:
    assert f'"{schema.SCHEMA}"' in rows("Report")["schema"]


def test_the_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "demo-run").mkdir()
    files.write_json(sample(), tmp_path / "demo-run")
    monkeypatch.chdir(tmp_path)
    [code] = re.findall(r"^```python\n(.*?)^```", DOC.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    exec(code, {})
    assert capsys.readouterr().out.splitlines() == [
        "accuracy 0.9889 to 0.9861",
        "12.29 times smaller",
        "1.01 times as fast",
    ]
