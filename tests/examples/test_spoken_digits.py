"""A network of a newcomer's own, recurrent and on sound, goes through `secateur prune`."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from commands import secateur

from secateur import load
from secateur.tasks import import_file

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "spoken_digits"
DATA = Path(os.environ.get("SECATEUR_DATA", ROOT.parent / "shared")).resolve()

needs_data = pytest.mark.skipif(
    not (DATA / "data" / "fsdd_8k_1s.npz").is_file(),
    reason="the spoken digits are not here; SECATEUR_DATA names the folder that holds data/fsdd_8k_1s.npz",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The example with fewer steps, and a cache of its own."""
    path = tmp_path_factory.mktemp("spoken")
    for name, whole, few in [
        ("task.py", "training_steps = 800", "training_steps = 100"),
        ("recipe.toml", "steps = 1200 ", "steps = 50 "),
    ]:
        text = (EXAMPLE / name).read_text(encoding="utf-8")
        assert whole in text
        (path / name).write_text(text.replace(whole, few), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECATEUR_DATA", str(DATA))
        patch.setenv("XDG_CACHE_HOME", str(path / "cache"))
        yield path


@needs_data
def test_a_short_run_from_sound_to_a_small_file_that_hears_digits(folder: Path) -> None:
    answer = secateur(
        "prune", "--task", "task.py:SpokenDigits", "--recipe", "recipe.toml", "--out", "run", cwd=folder
    )
    assert answer.code == 0, answer.err
    report = json.loads((folder / "run" / "report.json").read_text())
    assert report["dense"]["value"] > 0.7  # of ten digits, after 100 steps
    assert report["pruned"]["value"] > max(0.3, report["random_baseline"]["value"])
    assert report["pruned"]["n"] == 300
    assert report["pruned"]["sparsity"] == pytest.approx(0.9, abs=1e-4)
    assert report["ratios"]["bytes"] > 8
    assert report["certificates"]["zeros_exact"] is True
    assert {layer["name"] for layer in report["layers"] if layer["sparsity"]} == {
        "gru.weight_ih_l0", "gru.weight_hh_l0", "digit.weight",
    }  # fmt: skip
    network = load(folder / "run" / "model.sct")
    assert np.asarray(network(np.zeros((3, 51, 32), np.float32))).shape == (3, 10)


@needs_data
def test_no_recording_is_in_two_sets_and_the_weights_are_trained_once(folder: Path) -> None:
    task = import_file(folder / "task.py").SpokenDigits()
    sets = [
        {clip.numpy().tobytes() for clip in s[0]} for s in (task.train_set, task.valid_set, task.test_set)
    ]
    assert [len(s) for s in sets] == [2400, 300, 300]
    assert len(set.union(*sets)) == 3000
    (weights,) = (path for path in (folder / "cache" / "secateur").iterdir() if path.is_file())
    before = weights.stat().st_mtime_ns
    again = import_file(folder / "task.py").SpokenDigits()
    assert weights.stat().st_mtime_ns == before
    assert all(
        torch.equal(a, b) for a, b in zip(task.model.parameters(), again.model.parameters(), strict=True)
    )


def test_without_the_data_one_sentence_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(EXAMPLE / "task.py", tmp_path)
    monkeypatch.setenv("SECATEUR_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(SystemExit, match=r"nowhere/data/fsdd_8k_1s\.npz\. Set SECATEUR_DATA to the folder"):
        import_file(tmp_path / "task.py").SpokenDigits()


def test_a_filter_covers_every_pitch_between_the_lowest_and_the_highest() -> None:
    task = import_file(EXAMPLE / "task.py")
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(8000) / task.RATE)
    frames = task.log_mel(tone[None])
    assert frames.shape == (1, 51, 32)
    assert bool((task.mel_filters().sum(1) > 0).all())
    # 1000 Hz are 1000 mel of 2146, 15.4 of 33 steps: between the tips of the triangles 15 and 16, from 1
    assert sorted(frames[0, 25].topk(2).indices.tolist()) == [14, 15]
