import subprocess
import sys
from pathlib import Path

import pytest
import torch
from commands import secateur
from emitted import imported
from torch import nn

from secateur.artifact import unpack
from secateur.export import save


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network as `.sct` and as `.onnx`."""
    folder = tmp_path_factory.mktemp("networks")
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))
    save(network, folder / "a.sct", example_inputs=(torch.zeros(1, 4),))
    unpack(folder / "a.sct", folder / "a.onnx")
    torch.save((torch.eye(4), network(torch.eye(4)).detach()), folder / "answers.pt")
    return folder


@pytest.mark.parametrize("name", ["a.sct", "a.onnx"])
def test_a_saved_network_becomes_a_module(name: str, folder: Path, tmp_path: Path) -> None:
    answer = secateur("emit-python", folder / name, "--out", tmp_path / "deep" / "out")
    assert answer.code == 0, answer.err
    path = tmp_path / "deep" / "out" / "model.py"
    assert f"{path}: {path.stat().st_size:,} bytes" in answer.out
    assert "of the largest" in answer.out
    x, wanted = torch.load(folder / "answers.pt")
    torch.testing.assert_close(imported(path).load()(x).detach(), wanted)


def test_the_module_runs_where_there_is_no_secateur(folder: Path, tmp_path: Path) -> None:
    assert secateur("emit-python", folder / "a.sct", "--out", tmp_path).code == 0
    code = (
        "import sys, torch; sys.modules['secateur'] = sys.modules['onnx'] = None; import model; "
        "x, y = torch.load(sys.argv[1]); torch.testing.assert_close(model.load()(x).detach(), y)"
    )
    words = [sys.executable, "-c", code, str(folder / "answers.pt")]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_files_are_replaced_when_asked_to(folder: Path, tmp_path: Path) -> None:
    first = secateur("emit-python", folder / "a.sct", "--out", tmp_path)
    again = secateur("emit-python", folder / "a.sct", "--out", tmp_path)
    assert (first.code, again.code) == (0, 2)
    assert "model.py exists already" in again.err
    assert secateur("emit-python", folder / "a.sct", "--out", tmp_path, "--overwrite").code == 0
