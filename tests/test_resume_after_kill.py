"""A run that is killed in the middle of its schedule goes on to the same bytes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from commands import secateur

SUPPORT = Path(__file__).parent / "support"
RECIPE = """
sparsity = 0.85
[schedule]
name = "gradual"
end = 0.8
every = 5
[recovery]
steps = 400
checkpoint_every = 10
evaluate_every = 50
"""


def start(folder: Path, out: str, *, piped: bool = False) -> subprocess.Popen[bytes]:
    command = [
        "prune",
        "--task",
        str(SUPPORT / "tiny.py:Tiny"),
        "--recipe",
        "recipe.toml",
        "--out",
        out,
    ]
    return subprocess.Popen(
        [sys.executable, "-m", "secateur", *command],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE if piped else subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    for _ in range(6000):
        if path.exists():
            return
        assert process.poll() is None, "it ended before it could be stopped"
        time.sleep(0.01)
    raise AssertionError(f"{path} never came")


def test_killed_and_resumed_gives_the_same_file(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE)
    whole = start(tmp_path, "whole")
    killed = start(tmp_path, "killed")
    checkpoint = tmp_path / "killed" / "work" / "pruned.checkpoint.pt"
    wait_for(checkpoint, killed)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "killed" / "work" / "pruned.pt").exists()
    assert whole.wait() == 0
    answer = secateur(
        "prune", "--task", SUPPORT / "tiny.py:Tiny", "--recipe", "recipe.toml", "--out", "killed", "--resume",
        cwd=tmp_path,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    for name in ("model.sct", "pruned.safetensors"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_ctrl_c_leaves_a_checkpoint_and_says_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(RECIPE)
    stopped = start(tmp_path, "run", piped=True)
    wait_for(tmp_path / "run" / "work" / "pruned.checkpoint.pt", stopped)
    stopped.send_signal(signal.SIGINT)
    _, error = stopped.communicate(timeout=60)
    assert stopped.returncode == 130, error
    assert b"A checkpoint was left. Go on with:" in error
    assert b"--resume" in error
    assert b"Traceback" not in error
    assert (tmp_path / "run" / "work" / "pruned.checkpoint.pt").exists()
