"""Does the documentation work: do its examples run, and is every public name in it?"""

import inspect
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from commands import secateur

import secateur as package
from secateur.recipe.tables import TABLES

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("examples/*/*.md"))]
ELSEWHERE = {"docs/report.md": "tests/report/test_report_doc.py"}  # needs a finished run, and makes one up
BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^>]+?) -->\n)?"
    r'```(?P<language>\w+)(?: title="(?P<title>[^"\n]+)")?\n(?P<text>.*?)^```$',
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block: `title` names the file that it is, `reason` says why it is not run."""

    page: Path
    line: int
    language: str
    text: str
    title: str | None
    reason: str | None

    @property
    def place(self) -> str:
        return f"{name(self.page)}:{self.line}"


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, 1 + text.count("\n", 0, found.start("text")), **found.groupdict())
        for found in BLOCK.finditer(text)
    ]


ALL = [block for page in PAGES for block in blocks(page)]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_examples_run(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From top to bottom, in one folder and one namespace."""
    if name(page) in ELSEWHERE:
        assert name(page) in (ROOT / ELSEWHERE[name(page)]).read_text(encoding="utf-8")
        return
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # as for a script that is started there
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page):
        if block.reason is not None:
            continue
        if block.title is not None:
            Path(block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            capsys.readouterr()
            run_python(block, namespace)
            check_output(block, capsys.readouterr().out)
        elif block.language == "console":
            run_commands(block)


@pytest.mark.parametrize("block", [b for b in ALL if b.reason is not None], ids=lambda block: block.place)
def test_examples_that_are_not_run(block: Block) -> None:
    pytest.skip(f"{block.place} is not run: {block.reason}")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), f"{name(page)} links to {link}"


def run_python(block: Block, namespace: dict[str, Any]) -> None:
    """Under the page's name and at its lines, so that a traceback leads there."""
    exec(compile("\n" * (block.line - 1) + block.text, block.page, "exec"), namespace)


def check_output(block: Block, printed: str) -> None:
    """A comment behind a `print` is what it prints, unless it begins with "about"; then all have one."""
    promised = re.findall(r"^print\(.*\)  # (.*)$", block.text, re.MULTILINE)
    for promise, line in zip(promised, printed.splitlines() if promised else [], strict=True):
        assert promise == line or promise.startswith("about "), f"{block.place} promises {promise}: {line}"


def run_commands(block: Block) -> None:
    """Lines that begin with `$ secateur`; the others are output, or no business of ours."""
    for line in block.text.replace("\\\n", " ").splitlines():
        if not line.startswith("$ secateur "):
            continue
        answer = secateur(*shlex.split(line)[2:])
        assert answer.code == 0, f"{block.place}: {line}\n{answer.err}"
        if line.startswith("$ secateur init "):
            shorten(Path(shlex.split(line)[3]))


def shorten(folder: Path) -> None:
    """Here is asked whether the commands run, not how good the network gets."""
    for file in folder.iterdir():
        text = file.read_text(encoding="utf-8")
        file.write_text(re.sub(r"steps = \d+", "steps = 20", text), encoding="utf-8")


@pytest.mark.parametrize("public", package.__all__)
def test_every_public_name_has_a_docstring_and_is_in_the_reference(public: str) -> None:
    reference = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    entry = re.search(rf"^\| `{public}(?:\((?P<parameters>.*?)\))?` \| .+ \|$", reference, re.MULTILINE)
    assert entry, f"docs/api.md has no row for {public}"
    value = getattr(package, public)
    if callable(value):
        assert (value.__doc__ or "").strip(), f"{public} has no docstring"
        assert not value.__doc__.startswith(f"{public}("), f"{public} has only the docstring of its dataclass"
        if entry["parameters"] is not None:
            documented = re.findall(r"(?:^|, )(\w+)", entry["parameters"])
            assert documented == list(inspect.signature(value).parameters)


@pytest.mark.parametrize("word", [word for table in TABLES.values() for word in table])
def test_every_word_of_a_recipe_is_explained(word: str) -> None:
    page = (ROOT / "docs" / "your-own-network.md").read_text(encoding="utf-8")
    section = page.split("\n## The recipe\n")[1].split("\n## ")[0]
    assert f'`"{word}"`' in section


@pytest.mark.parametrize("part", sorted((ROOT / "src" / "secateur").iterdir()), ids=lambda part: part.name)
def test_every_module_has_its_place_in_the_architecture(part: Path) -> None:
    if part.stem.startswith("__") or part.suffix not in ("", ".py"):
        return
    assert re.search(rf"^{part.stem} ", (ROOT / "docs" / "architecture.md").read_text(), re.MULTILINE)


def test_messages_in_the_troubleshooting_are_those_of_the_program() -> None:
    """Quoted messages are in the source, where neighbouring string literals are one."""
    page = (ROOT / "docs" / "your-own-network.md").read_text(encoding="utf-8")
    quoted = re.findall(r"^\| `(.+?)` \|", page.split("## Troubleshooting")[1], re.MULTILINE)
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    program = re.sub(r'"\s*\n\s*f?"', "", sources)
    assert quoted
    for message in quoted:
        assert message in program, message
