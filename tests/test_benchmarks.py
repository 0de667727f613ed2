"""The commands that the README names work; their figures are not judged here."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("SECATEUR_DATA", ROOT.parent / "shared"))


def quick(name: str, work: Path) -> str:
    command = [sys.executable, "-m", f"benchmarks.{name}", "--quick", "--work", str(work)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_demo(tmp_path: Path) -> None:
    printed = quick("demo", tmp_path)
    assert "secateur, 90 % of the weights gone" in printed
    assert "smaller than the dense safetensors" in printed


@pytest.mark.skipif(
    not (DATA / "data" / "mnist.npz").exists(), reason=f"there is no data/mnist.npz in {DATA}"
)
def test_mnist(tmp_path: Path) -> None:
    printed = quick("mnist", tmp_path)
    assert "LeNet-300-100, 12 times fewer weights" in printed
    assert "LeNet-5, ever further" in printed
