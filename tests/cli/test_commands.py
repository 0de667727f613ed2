"""The commands, one after another, as a newcomer would use them."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import secateur, secateur_process

from secateur import Recipe
from secateur.cli import COMMANDS
from secateur.cli.run import Options
from secateur.cli.run import run as run_job
from secateur.core.task import Task
from secateur.errors import TaskError


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`secateur init` and `secateur prune`, with a shorter recovery."""
    folder = tmp_path_factory.mktemp("mine")
    answer = secateur("init", folder)
    assert answer.code == 0, answer.err
    recipe = folder / "recipe.toml"
    recipe.write_text(recipe.read_text().replace("steps = 500", "steps = 120"))
    answer = secateur(
        "prune",
        "--task",
        folder / "task.py:Digits",
        "--recipe",
        recipe,
        "--out",
        folder / "run",
        "--seed",
        "1",
    )
    assert answer.code == 0, answer.err
    (folder / "printed.txt").write_text(answer.out)
    return folder / "run"


def test_help_answers_at_once_and_without_torch() -> None:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        answer = secateur_process("--help")
        times.append(time.perf_counter() - start)
        assert all(name in answer.out for name in COMMANDS)
    assert min(times) < 0.3
    code = "import sys, secateur, secateur.cli; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    answer = secateur(name, "--help")
    assert answer.code == 0
    assert answer.out.startswith("Usage: ")


def test_prune_leaves_a_run_and_says_where_the_report_lies(run: Path) -> None:
    names = {p.name for p in run.iterdir()}
    assert names == {
        "run.json", "recipe.toml", "report.json", "report.html", "model.sct",
        "pruned.safetensors", "dense.safetensors", "work",
    }  # fmt: skip
    printed = (run.parent / "printed.txt").read_text()
    assert str(run / "report.html") in printed
    assert "step 120 of 120" in printed  # a line now and then, as there is no terminal


def test_report_holds_what_it_promises(run: Path) -> None:
    report = json.loads((run / "report.json").read_text())
    assert report["seed"] == 1
    assert report["pruned"]["sparsity"] == pytest.approx(0.9, abs=1e-3)
    assert report["ratios"]["bytes"] == pytest.approx(
        (run / "dense.safetensors").stat().st_size / (run / "model.sct").stat().st_size
    )
    assert report["ratios"]["bytes"] > 7
    assert report["certificates"]["zeros_exact"] is True
    assert report["certificates"]["reloaded_max_abs_diff"] < 1e-4
    assert report["pruned"]["value"] > report["random_baseline"]["value"] - 0.02
    small = report["small_dense_baseline"]
    assert small["file_bytes"] == pytest.approx(report["pruned"]["file_bytes"], rel=0.15)
    assert small["steps"] == 400 + 120
    assert any("not faster" in sentence or "faster" in sentence for sentence in report["verdict"])


def test_inspect(run: Path) -> None:
    table = secateur("inspect", run / "model.sct").out
    assert "fc1.weight" in table
    assert ", planes" in table
    facts = json.loads(secateur("inspect", run / "model.sct", "--json").out)
    assert facts["metadata"]["recipe"]["sparsity"] == 0.9


def test_unpack_and_bench(run: Path, tmp_path: Path) -> None:
    onnx = tmp_path / "model.onnx"
    assert secateur("unpack", run / "model.sct", "--onnx", onnx).code == 0
    for model in (run / "model.sct", onnx):
        answer = secateur("bench", model, "--threads", "1", "--batch", "4")
        assert answer.code == 0, answer.err
        assert "median" in answer.out


def test_report_is_written_again(run: Path) -> None:
    html = run / "report.html"
    before = html.read_text()
    html.unlink()
    answer = secateur("report", run)
    assert answer.code == 0, answer.err
    assert html.read_text() == before


def test_resume_of_a_finished_run_measures_again_and_changes_no_weight(run: Path) -> None:
    before = (run / "model.sct").read_bytes()
    answer = secateur(
        "prune",
        "--task",
        run.parent / "task.py:Digits",
        "--recipe",
        run / "recipe.toml",
        "--out",
        run,
        "--resume",
    )
    assert answer.code == 0, answer.err
    assert (run / "model.sct").read_bytes() == before


def test_init_does_not_overwrite(run: Path) -> None:
    answer = secateur("init", run.parent)
    assert answer.code == 2
    assert "exists already and was not touched" in answer.err


def test_a_run_that_is_not_there_is_not_resumed_in_silence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def load() -> Task:
        raise TaskError("the task comes after the note")

    for resume in (True, False):
        with pytest.raises(TaskError):
            run_job(load, Recipe(), tmp_path / "misspelt", Options(None, resume, False, False), ["prune"])
        assert ("There is no run in" in capsys.readouterr().out) == resume
