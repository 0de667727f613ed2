"""`secateur cut`: a file in, a narrower one out, and what that changed."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from commands import secateur

from secateur import load
from secateur.network_file.read import read_graph
from secateur.network_file.run import caller

NETWORK = """
<ir_version: 10, opset_import: ["" : 20]> g (float[b,3,8,8] image) => (float[b,4] y) {
    h = Conv(image, first, first_bias) r = Relu(h) k = Conv(r, second, second_bias)
    f = Flatten(k) y = Gemm <transB = 1> (f, head, head_bias)
}
"""
SHAPES = {
    "first": (16, 3, 3, 3),
    "first_bias": (16,),
    "second": (32, 16, 3, 3),
    "second_bias": (32,),
    "head": (4, 512),
    "head_bias": (4,),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(0)
    proto = onnx.parser.parse_model(NETWORK)
    for name, shape in SHAPES.items():
        array = 0.1 * random.standard_normal(shape).astype(np.float32)
        proto.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
    path = tmp_path_factory.mktemp("cut") / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


@pytest.mark.parametrize("suffix", ["onnx", "sct"])
def test_half_of_the_weights_go(model: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"small.{suffix}"
    answer = secateur("cut", model, "--sparsity", "0.5", "--out", out, "--json")
    assert (answer.code, answer.err) == (0, "")
    found = json.loads(answer.out)
    before, after = found["figures"]["parameters"]
    assert before == 448 + 4640 + 2052
    assert after <= 0.55 * before
    before, after = found["figures"]["bytes"]
    assert after == out.stat().st_size < before
    assert before == model.stat().st_size or suffix != ".onnx"
    assert found["figures"]["multiply_adds"][0] == 36 * 16 * 27 + 16 * 32 * 144 + 2048
    assert all(milliseconds > 0 for milliseconds in found["figures"]["milliseconds"])
    assert found["certificate"]["relative"] <= 1e-5
    assert found["inputs"] == "image=1,3,8,8"
    assert {name: units for name, (units, _) in found["groups"].items()} == {"first": 16, "second": 32}
    x = np.random.default_rng(1).standard_normal((2, 3, 8, 8)).astype(np.float32)
    assert caller(read_graph(out))([x])[0].shape == (2, 4)
    if suffix == "sct":
        metadata = load(out).metadata
        assert metadata["recipe"]["pattern"]["name"] == "channels"
        assert not {"recovery", "schedule", "compress"} & set(metadata["recipe"])  # nothing was trained
        assert metadata["certificate"] == found["certificate"]


def test_it_says_what_it_did(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "small.onnx"
    answer = secateur("cut", model, "--sparsity", "0.5", "--out", out)
    assert answer.code == 0
    for text in (
        "parameters",
        "multiply-adds",
        "milliseconds",
        "answer alike on 3 inputs",
        "Expect worse answers",
    ):
        assert text in answer.out
    assert f"{out}: {out.stat().st_size:,} bytes" in answer.out


def test_real_inputs_and_a_recipe(model: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "real.npz", image=np.ones((3, 3, 8, 8)))
    (tmp_path / "recipe.toml").write_text('sparsity = 0.25\nmeasure = "channels"\npattern = "channels"\n')
    options = ("--recipe", tmp_path / "recipe.toml", "--inputs", tmp_path / "real.npz", "--json")
    answer = secateur("cut", model, *options, "--skip", "first", "--out", tmp_path / "small.onnx")
    found = json.loads(answer.out)
    assert found["groups"] == {"first": [16, 16], "second": [32, 24]}
    assert found["inputs"] == "image=3,3,8,8"
    assert found["certificate"]["inputs"] == 3


def test_what_it_refuses(model: Path, tmp_path: Path) -> None:
    there = tmp_path / "there.onnx"
    there.write_text("mine")
    (tmp_path / "half.toml").write_text('pattern = "channels"\n[compress]\nmethod = "half"\n')
    new = tmp_path / "new.onnx"
    for words, message in {
        ("--out", new): "either --sparsity FRACTION or --recipe",
        ("--sparsity", "0.5", "--recipe", tmp_path / "half.toml", "--out", new): "either --sparsity",
        ("--recipe", tmp_path / "half.toml", "--out", new): "has a table [compress]",
        ("--sparsity", "0.5", "--out", there): "exists already",
        ("--sparsity", "0.5", "--out", tmp_path / "new.pt"): "ends in .onnx or .sct",
        ("--sparsity", "0.5", "--out", tmp_path / "nowhere" / "new.sct"): "there is no folder",
        ("--sparsity", "0.999", "--out", new): "is out of reach",
        ("--sparsity", "0.5", "--out", new, "--shape", "x"): "such as input=1,3,224,224",
        ("--sparsity", "0.5", "--out", new, "--shape", "nowhere=1"): "There is no input 'nowhere'",
        ("--sparsity", "2", "--out", new): "sparsity = 2",
    }.items():
        answer = secateur("cut", model, *words)
        assert answer.code == 2, message
        assert message in answer.err
    assert there.read_text() == "mine"
    assert not new.exists()


def test_overwrite(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "small.sct"
    out.write_text("old")
    assert secateur("cut", model, "--sparsity", "0.3", "--out", out, "--overwrite").code == 0
    assert load(out).outputs[0].shape[1] == 4
