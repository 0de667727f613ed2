"""`secateur compress`, `demo --compress`, and what they say to mistakes."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import secateur
from safetensors.torch import save_file
from tiny import Tiny, make_model

from secateur.cli import init

SUPPORT = Path(__file__).parents[1] / "support"
RECIPE = """
sparsity = 0.99  # not used: nothing is pruned
[compress]
max_drop = 1.0
method = {name = "codebook", bits = 2}
[compress.recovery]
steps = 8
evaluate_every = 4
"""
TASK = """
from tiny import Tiny

class Mine(Tiny):
    narrow = None
    {body}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(SUPPORT / "tiny.py", tmp_path / "tiny.py")
    (tmp_path / "recipe.toml").write_text(RECIPE)
    (tmp_path / "task.py").write_text(TASK.format(body="pass"))
    return tmp_path


def compress(folder: Path, *words: str, out: str = "run") -> tuple[int, str, str]:
    answer = secateur("compress", *words, "--task", "task.py:Mine", "--out", out, cwd=folder)
    return answer.code, answer.out, answer.err


def report_of(folder: Path, out: str = "run") -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / out / "report.json").read_text())
    return report


def test_a_recipe_is_followed_and_the_steps_are_printed(folder: Path) -> None:
    code, out, err = compress(folder, "--recipe", "recipe.toml")
    assert code == 0, err
    rows = [line.split("  ")[0] for line in out.split("step by step")[1].splitlines()]
    assert [row for row in rows if row in ("Dense", "Lossless", "Pruned", "Shared", "Trained on")] == [
        "Dense",
        "Lossless",
        "Shared",
        "Trained on",
    ]
    assert "The method 'codebook' makes" in out
    report = report_of(folder)
    assert report["pruned"]["sparsity"] == 0
    assert report["compressed"]["steps"] == 8
    assert report["compression"]["method"] == {"name": "codebook", "bits": 2, "parts": 1}
    facts = json.loads(secateur("inspect", folder / "run" / "model.sct", "--json").out)
    assert facts["metadata"]["recipe"]["compress"]["max_drop"] == 1.0


def test_a_file_gives_the_weights_and_a_stopped_run_says_how_to_go_on(folder: Path) -> None:
    """The weights in the file are worse than the task's own; Ctrl-C comes in the sixth step."""
    torch.manual_seed(5)
    other = make_model().eval()
    save_file(other.state_dict(), folder / "other.safetensors")
    body = (
        "calls = 0\n"
        "    def loss(self, model, batch):\n"
        "        type(self).calls += hasattr(self, 'example_inputs')\n"
        "        if self.calls == 6:\n"
        "            raise KeyboardInterrupt\n"
        "        return super().loss(model, batch)\n"
    )
    (folder / "task.py").write_text(TASK.format(body=body))
    code, _, err = compress(folder, "other.safetensors", "--recipe", "recipe.toml")
    assert code == 130, err
    [command] = re.findall(r"^  (secateur compress .*)$", err, re.MULTILINE)
    assert shlex.split(command)[2:] == [
        "other.safetensors", "--task", "task.py:Mine", "--recipe", "recipe.toml",
        "--out", "run", "--seed", "0", "--resume",
    ]  # fmt: skip
    (folder / "task.py").write_text(TASK.format(body="pass"))
    answer = secateur(*shlex.split(command)[1:], cwd=folder)
    assert answer.code == 0, answer.err
    task = Tiny()
    with torch.no_grad():
        assert report_of(folder)["dense"]["value"] == task.evaluate(other).value < 0.5


def test_a_method_by_its_name(folder: Path) -> None:
    code, _, err = compress(folder, "--method", "half", "--seed", "3")
    assert code == 0, err
    report = report_of(folder)
    assert report["compression"]["method"] == {"name": "half", "dtype": "bfloat16"}
    assert report["seed"] == 3


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--recipe", "recipe.toml", "--method", "half"], "both say how to compress. Give one of them."),
        (["--recipe", "pruning.toml"], "pruning.toml has no table [compress]. Add one"),
        (["--recipe", "nowhere.toml"], "nowhere.toml cannot be read"),
        (
            ["--recipe", "wrong.toml"],
            "wrong.toml: Unknown key 'max_dorp' in compress. Did you mean 'max_drop'?",
        ),
        (["--method", "codebok"], "compress.method 'codebok' is unknown. Did you mean 'codebook'?"),
        (["nowhere.sct"], "nowhere.sct is not there, or not a file"),
        (["recipe.toml"], "recipe.toml: expected a file that ends in .sct, .onnx, .safetensors"),
        (["broken.sct"], "broken.sct"),
        (["narrow.safetensors"], "has '0.weight' of shape [4, 4, 3, 3], the task's network [8, 4, 3, 3]"),
        (["--recipe", "skips.toml"], "skip = 'convv*' matches no weight of the network."),
    ],
)
def test_mistakes(folder: Path, words: list[str], says: str) -> None:
    (folder / "pruning.toml").write_text("sparsity = 0.5\n")
    (folder / "wrong.toml").write_text("[compress]\nmax_dorp = 0.1\n")
    (folder / "skips.toml").write_text('[compress]\nskip = ["convv*"]\n')
    (folder / "broken.sct").write_bytes(b"not a file of ours")
    save_file(make_model(0.5).state_dict(), folder / "narrow.safetensors")
    code, _, err = compress(folder, *words)
    assert code == 2
    assert says in " ".join(err.split())
    assert "Traceback" not in err
    assert not (folder / "run").exists()


def test_the_folder_of_another_run_is_not_touched(folder: Path) -> None:
    assert compress(folder, "--recipe", "recipe.toml")[0] == 0
    before = (folder / "run" / "report.json").read_bytes()
    code, _, err = compress(folder, "--recipe", "recipe.toml")
    assert code == 2
    assert "holds a run already" in err
    code, _, err = compress(folder, "--method", "half", "--resume")
    assert code == 2
    assert 'recipe.compress.method.name was "codebook", is "half"' in err
    assert (folder / "run" / "report.json").read_bytes() == before


def test_the_demo_shows_the_steps_and_its_file_runs_in_a_fresh_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The task and recipe that `init` writes, with fewer steps and channels, and without a narrow network."""
    templates = shutil.copytree(init.TEMPLATES, tmp_path / "templates")
    for name in ("task.py", "recipe.toml"):
        text = (templates / name).read_text()
        for long, short in (
            (r"steps = \d+", "steps = 60"),
            ("def narrow", "def _"),
            ("32, 64, 128", "8, 16, 128"),
        ):
            text = re.sub(long, short, text)
        (templates / name).write_text(text)
    monkeypatch.setattr(init, "TEMPLATES", templates)
    answer = secateur("demo", "--compress", "--out", "run", cwd=tmp_path)
    assert answer.code == 0, answer.err
    rows = {line.split("  ")[0]: line for line in answer.out.split("step by step")[1].splitlines() if line}
    assert {"Dense", "Pruned", "Shared", "Trained on"} <= set(rows)
    sizes = [
        int(re.findall(r"([\d,]+) \.s", rows[name])[0].replace(",", ""))
        for name in ("Dense", "Pruned", "Shared")
    ]
    assert sizes[0] > 5 * sizes[1] > 5 * sizes[2]
    assert all(
        "%" in row for name, row in rows.items() if name in ("Dense", "Pruned", "Shared", "Trained on")
    )
    code = (
        "import sys, numpy, secateur; network = secateur.load(sys.argv[1]); "
        "print(network(numpy.zeros((3, 1, 8, 8), 'float32')).shape, 'torch' in sys.modules)"
    )
    model = tmp_path / "run" / "model.sct"
    done = subprocess.run([sys.executable, "-c", code, model], capture_output=True, text=True, check=True)
    assert done.stdout == "(3, 10) False\n"
