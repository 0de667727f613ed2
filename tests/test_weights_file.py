from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import save_file
from tiny import Tiny, make_model
from torch import Tensor, nn

import secateur
from secateur.artifact import unpack
from secateur.errors import ArtifactError, SecateurError, TaskError
from secateur.weights_file import load_weights_


@pytest.fixture(scope="module")
def trained() -> nn.Module:
    return Tiny().model


def written(model: nn.Module, path: Path) -> Path:
    """The weights as a file of the kind that the path ends in."""
    if path.suffix == ".safetensors":
        save_file(model.state_dict(), path)
        return path
    sct = path.with_suffix(".sct")
    secateur.save(model, sct, example_inputs=(torch.zeros(1, 4, 4, 4),))
    if path.suffix == ".onnx":
        unpack(sct, path)
    return path


@pytest.mark.parametrize("kind", ["sct", "onnx", "safetensors"])
def test_all_weights_and_statistics_come_back(trained: nn.Module, tmp_path: Path, kind: str) -> None:
    path = written(trained, tmp_path / f"model.{kind}")
    torch.manual_seed(9)
    other = make_model().eval()
    before = {name: id(parameter) for name, parameter in other.named_parameters()}
    load_weights_(other, path)
    assert {name: id(parameter) for name, parameter in other.named_parameters()} == before
    for name, tensor in trained.state_dict().items():
        if tensor.is_floating_point():
            assert torch.equal(other.state_dict()[name], tensor), name


@pytest.mark.parametrize("kind", ["sct", "safetensors"])
def test_tied_weights_have_one_name_in_the_file(tmp_path: Path, kind: str) -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inward, self.outward = nn.Linear(4, 4), nn.Linear(4, 4)
            self.outward.weight = self.inward.weight

        def forward(self, x: Tensor) -> Tensor:
            answer: Tensor = self.outward(self.inward(x))
            return answer

    torch.manual_seed(0)
    model, other = Tied(), Tied()
    path = tmp_path / f"model.{kind}"
    if kind == "sct":
        secateur.save(model, path, example_inputs=(torch.zeros(1, 4),))
    else:
        state = model.state_dict()
        del state["outward.weight"]
        save_file(state, path)
    load_weights_(other, path)
    assert other.outward.weight is other.inward.weight
    assert all(torch.equal(t, model.state_dict()[name]) for name, t in other.state_dict().items())


def test_half_precision_weights_are_widened(tmp_path: Path) -> None:
    model, other = nn.Linear(3, 2), nn.Linear(3, 2)
    for dtype in (torch.float16, torch.bfloat16):
        path = tmp_path / f"{dtype}.safetensors".removeprefix("torch.")
        save_file({name: t.to(dtype) for name, t in model.state_dict().items()}, path)
        load_weights_(other, path)
        assert torch.equal(other.weight, model.weight.to(dtype).float())


def refused(model: nn.Module, path: Path) -> SecateurError:
    before = {name: t.clone() for name, t in model.state_dict().items()}
    with pytest.raises(SecateurError) as caught:
        load_weights_(model, path)
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())
    return caught.value


def test_a_network_of_another_width(trained: nn.Module, tmp_path: Path) -> None:
    path = written(trained, tmp_path / "model.safetensors")
    error = refused(make_model(0.5), path)
    assert isinstance(error, TaskError)
    assert "has '0.weight' of shape [8, 4, 3, 3], the task's network [4, 4, 3, 3]." in str(error)


def test_another_network(trained: nn.Module, tmp_path: Path) -> None:
    path = written(trained, tmp_path / "model.safetensors")
    error = refused(nn.Sequential(nn.Identity(), nn.BatchNorm2d(8), nn.Linear(8, 2)), path)
    assert isinstance(error, TaskError)
    assert "has no '2.weight', which the task's network has. Did you mean" in str(error)


def test_a_file_whose_batchnorm_was_folded(trained: nn.Module, tmp_path: Path) -> None:
    task = Tiny()
    recovery = secateur.Recovery(steps=0)
    secateur.compress(task, secateur.Compression(recovery=recovery, max_drop=1.0), out=tmp_path / "run")
    error = refused(make_model(), tmp_path / "run" / "model.sct")
    assert "has no '1.running_mean'" in str(error)
    assert "not compressed yet (compression folds BatchNorm)" in str(error)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("model.pt", b"", "expected a file that ends in .sct, .onnx, .safetensors"),
        ("model.sct", None, "is not there, or not a file"),
        ("model.sct", b"", "model.sct"),
        ("model.sct", b"PK\3\4 something else", "model.sct"),
        ("model.safetensors", b"\xff" * 20, "cannot be read:"),
        ("model.onnx", b"\xff" * 20, "cannot be read:"),
    ],
)
def test_files_that_hold_no_weights(tmp_path: Path, name: str, content: bytes | None, says: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    error = refused(make_model(), path)
    assert isinstance(error, ArtifactError)
    assert says in str(error)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "model.sct").mkdir()
    assert "is not there, or not a file" in str(refused(make_model(), tmp_path / "model.sct"))


def test_the_network_does_not_share_memory_with_the_file(tmp_path: Path) -> None:
    model = nn.Linear(3, 2)
    path = tmp_path / "model.safetensors"
    save_file(model.state_dict(), path)
    load_weights_(model, path)
    with torch.no_grad():
        model.weight.fill_(7.0)
    other = nn.Linear(3, 2)
    load_weights_(other, path)
    assert not np.any(other.weight.detach().numpy() == 7.0)


def test_weights_that_lie_beside_an_onnx_file(trained: nn.Module, tmp_path: Path) -> None:
    path = written(trained, tmp_path / "model.onnx")
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="model.data", size_threshold=0)
    other = make_model().eval()
    load_weights_(other, path)
    assert torch.equal(other.state_dict()["5.weight"], trained.state_dict()["5.weight"])
    (tmp_path / "model.data").unlink()
    assert "cannot be read" in str(refused(make_model(), path))
