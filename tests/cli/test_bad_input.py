"""A user's mistake gets one clear message, exit code 2, no traceback, and nothing half-written."""

import shutil
from pathlib import Path

import pytest
from commands import secateur

TASK = """
import torch
from tiny import Tiny

class Mine(Tiny):
    {body}
"""
SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(SUPPORT / "tiny.py", tmp_path / "tiny.py")
    (tmp_path / "recipe.toml").write_text("[recovery]\nsteps = 20\nevaluate_every = 10\n")
    return tmp_path


def prune(folder: Path, *more: str, body: str = "pass", recipe: str | None = None) -> tuple[int, str]:
    (folder / "task.py").write_text(TASK.format(body=body))
    if recipe is not None:
        (folder / "recipe.toml").write_text(recipe)
    options = ["--task", "task.py:Mine", "--recipe", "recipe.toml", "--out", "run", *more]
    answer = secateur("prune", *options, cwd=folder)
    return answer.code, answer.err


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        ("sparsty = 0.9", "Did you mean 'sparsity'?"),
        ("sparsity = 1.5", "expected 0 up to, not including, 1"),
        ('skip = ["convv*"]', "skip = 'convv*' matches no weight of the network."),
        ('skip = ["*"]', "No weight is left to prune"),
        ("sparsity = 0.9999", "out of reach"),
        ('sparsity = 0.8\n[pattern]\nname = "n_of_m"\nkeep = 1\nof = 5', "are not a multiple of 5"),
    ],
)
def test_bad_recipes(folder: Path, recipe: str, says: str) -> None:
    code, error = prune(folder, recipe=recipe)
    assert code == 2
    assert says in error
    assert "Traceback" not in error
    assert not (folder / "run").exists()


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("evaluate = None", "evaluate is not a method"),
        ("def narrow(self, width): return None", "narrow(0.5) answered NoneType. Expected an nn.Module"),
        ("def narrow(self, width): return 1 / 0", "narrow() failed"),
        ('training_steps = "10"', "training_steps is '10'. Expected how many steps"),
        (
            "def __init__(self):\n        super().__init__()\n        self.example_inputs = ('x', 3)",
            "example_inputs is a tuple of str, int. Expected",
        ),
        (
            "example_inputs = 3\n    def __init__(self): self.model = torch.nn.Linear(1, 1)",
            "for one input write (x,)",
        ),
        (
            "def __init__(self):\n        super().__init__()\n        self.model = 'net.pt'",
            "Expected model: torch.nn.Module",
        ),
        (
            "def __init__(self):\n        super().__init__()\n"
            "        self.model[5].bias.data[0] = float('inf')",
            "5.bias holds 1 NaN or infinite values",
        ),
        (
            "def __init__(self):\n        super().__init__()\n        self.factor = float('nan')\n"
            "    def loss(self, model, batch):\n"
            "        return super().loss(model, batch) * getattr(self, 'factor', 1)",
            "The loss is nan at step 0",
        ),
        ("def batches(self):\n        return iter(())", "batches() yielded nothing"),
        (
            "def __init__(self):\n        super().__init__()\n        self.model = torch.nn.Identity()",
            "model has no parameters, so there is nothing to prune",
        ),
    ],
)
def test_bad_tasks(folder: Path, body: str, says: str) -> None:
    code, error = prune(folder, body=body)
    assert code == 2, error
    assert says in error
    assert "Traceback" not in error


def test_missing_members_are_listed_with_the_signature_to_write(folder: Path) -> None:
    (folder / "task.py").write_text("class Mine:\n    model = None\n    def batches(self): ...\n")
    answer = secateur("prune", "--task", "task.py:Mine", "--out", "run", cwd=folder)
    assert answer.code == 2
    for signature in ("loss(self, model, batch) -> Tensor", "evaluate(self, model) -> secateur.Metric"):
        assert signature in answer.err
    assert "batches(self)" not in answer.err
    assert "Traceback" not in answer.err


def test_a_task_file_that_fails_to_import_shows_the_users_own_traceback(folder: Path) -> None:
    code, error = prune(folder, body="x = 1 / 0")
    assert code == 2
    assert "The import of task.py failed" in error
    assert "x = 1 / 0" in error
    assert "ZeroDivisionError" in error
    assert "importlib" not in error


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("task.py", "expected FILE.py:NAME"),
        ("nowhere.py:Mine", "does not exist. `secateur init DIR` writes one"),
        ("task.py:Mime", "has no 'Mime'. Did you mean 'Mine'?"),
    ],
)
def test_bad_task_names(folder: Path, spec: str, says: str) -> None:
    (folder / "task.py").write_text(TASK.format(body="pass"))
    answer = secateur("prune", "--task", spec, "--out", "run", cwd=folder)
    assert (answer.code, says in answer.err) == (2, True), answer.err
    assert "Traceback" not in answer.err


def test_a_folder_that_is_not_a_run_is_left_alone(folder: Path) -> None:
    (folder / "run").mkdir()
    (folder / "run" / "thesis.tex").write_text("precious")
    for more in ((), ("--resume",), ("--overwrite",)):
        code, error = prune(folder, *more)
        assert code == 2
        assert "is not the folder of a run" in error
    assert [p.name for p in (folder / "run").iterdir()] == ["thesis.tex"]


def test_a_folder_below_a_file_cannot_be_made(folder: Path) -> None:
    (folder / "run").write_text("a file")
    code, error = prune(folder)
    assert code == 2
    assert "run exists and is not the folder of a run" in error
    answer = secateur("prune", "--task", "task.py:Mine", "--out", "run/deeper", cwd=folder)
    assert answer.code == 2
    assert "run is no folder that you may write to" in answer.err


def test_a_finished_run_is_not_overwritten_by_chance_nor_resumed_with_another_recipe(folder: Path) -> None:
    assert prune(folder)[0] == 0
    before = (folder / "run" / "report.json").read_bytes()
    code, error = prune(folder)
    assert code == 2
    assert "holds a run already. Go on with it with --resume" in error
    code, error = prune(
        folder, "--resume", recipe="sparsity = 0.8\n[recovery]\nsteps = 20\nevaluate_every = 10\n"
    )
    assert code == 2
    assert "recipe.sparsity was 0.9, is 0.8" in error
    assert (folder / "run" / "report.json").read_bytes() == before
    code, error = prune(
        folder, "--resume", "--seed", "5", recipe="[recovery]\nsteps = 20\nevaluate_every = 10\n"
    )
    assert code == 2
    assert "seed was 0, is 5" in error


def test_a_disk_that_fills_up_leaves_no_part_of_a_file(folder: Path) -> None:
    """A limit on file sizes stands for the full disk: the system refuses the write in both cases."""
    (folder / "limited.py").write_text(
        "import resource, signal, sys\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "import torch\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))\n"
        "from secateur.cli import main\n"
        "main()\n"
    )
    (folder / "task.py").write_text(TASK.format(body="pass"))
    import subprocess
    import sys

    done = subprocess.run(
        [
            sys.executable,
            "limited.py",
            "prune",
            "--task",
            "task.py:Mine",
            "--recipe",
            "recipe.toml",
            "--out",
            "run",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "could not be written: there is no room" in done.stderr
    assert "Traceback" not in done.stderr
    left = {p.name for p in (folder / "run").rglob("*") if p.is_file()}
    assert left <= {"run.json", "recipe.toml"}, left


def test_unknown_commands_and_options() -> None:
    answer = secateur("prun")
    assert answer.code == 2
    assert "No such command 'prun'" in answer.err
    answer = secateur("prune", "--task", "a.py:B", "--out", "x", "--sede", "3")
    assert answer.code == 2
    assert "Did you mean '--seed'?" in answer.err


def test_a_bug_in_the_users_loss_shows_the_users_own_lines(folder: Path) -> None:
    body = "def __init__(self):\n        super().__init__()\n        self.ready = True\n"
    body += "    def loss(self, model, batch):\n"
    body += "        return self.los if hasattr(self, 'ready') else super().loss(model, batch)"
    code, error = prune(folder, body=body)
    assert code == 2
    assert "loss(model, batch) failed" in error
    assert "return self.los" in error
    assert "has no attribute 'los'" in error
    assert "secateur/recovery" not in error


def test_a_task_file_may_be_named_like_a_module_of_python(folder: Path) -> None:
    (folder / "random.py").write_text(TASK.format(body="pass"))
    answer = secateur(
        "prune", "--task", "random.py:Mine", "--recipe", "recipe.toml", "--out", "run", cwd=folder
    )
    assert answer.code == 0, answer.err
