"""Nothing of the user's is lost, and no two runs are mixed."""

from pathlib import Path

import pytest

from secateur import Recipe
from secateur.errors import OutputError, ResumeError
from secateur.run_folder import RunFolder, check_free, claim

TASK = {"task": "Mine", "weights_sha256": "abc"}


def claimed(path: Path, *, resume: bool = False, overwrite: bool = False, seed: int = 0) -> RunFolder:
    return claim(path, Recipe(), seed, TASK, resume=resume, overwrite=overwrite)


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    path = tmp_path / "run"
    folder = claimed(path)
    (folder.work / "pruned.pt").write_text("trained")
    (path / "report.json").write_text("{}")
    (path / "model.sct").write_text("small")
    (path / "notes.md").write_text("precious")
    return path


def test_overwrite_deletes_what_a_run_writes_and_nothing_else(finished: Path) -> None:
    claimed(finished, overwrite=True)
    names = {p.relative_to(finished).as_posix() for p in finished.rglob("*")}
    assert names == {"notes.md", "run.json", "recipe.toml", "work"}


def test_an_overwrite_that_was_stopped_can_be_done_again(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = Path.unlink
    gone: list[Path] = []

    def stopped(path: Path, missing_ok: bool = False) -> None:
        if gone:
            raise KeyboardInterrupt
        unlink(path, missing_ok)
        gone.append(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", stopped)
        with pytest.raises(KeyboardInterrupt):
            claimed(finished, overwrite=True)
    claimed(finished, overwrite=True)
    assert (finished / "notes.md").read_text() == "precious"


def test_a_finished_run_without_its_work_folder_is_not_begun_again(finished: Path) -> None:
    (finished / "work" / "pruned.pt").unlink()
    with pytest.raises(OutputError, match="holds a run already"):
        claimed(finished)
    assert (finished / "model.sct").read_text() == "small"


def test_overwrite_works_through_a_link_and_in_the_current_folder(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(finished)
    claimed(tmp_path / "link", overwrite=True)
    monkeypatch.chdir(finished)
    claimed(Path(), overwrite=True)
    assert (finished / "notes.md").read_text() == "precious"


def test_a_first_try_that_came_to_nothing_needs_no_flag(tmp_path: Path) -> None:
    claimed(tmp_path / "run")
    claimed(tmp_path / "run", seed=4)


def test_resume_begins_where_there_is_nothing_and_goes_on_where_there_is(
    tmp_path: Path, finished: Path
) -> None:
    assert claimed(tmp_path / "new", resume=True).work.is_dir()
    claimed(finished, resume=True)
    assert (finished / "work" / "pruned.pt").exists()


def test_resume_with_another_network_is_refused(finished: Path) -> None:
    with pytest.raises(ResumeError, match='weights_sha256 was "abc", is "def"'):
        claim(finished, Recipe(), 0, {**TASK, "weights_sha256": "def"}, resume=True, overwrite=False)


def test_a_folder_that_cannot_be_made_is_refused_before_all_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(OutputError, match="file is no folder that you may write to"):
        check_free(tmp_path / "file" / "run", resume=False, overwrite=False)


def test_each_difference_to_the_run_there_has_a_line(finished: Path) -> None:
    with pytest.raises(ResumeError) as error:
        claim(finished, Recipe(sparsity=0.8), 5, TASK, resume=True, overwrite=False)
    assert "\n  recipe.sparsity was 0.9, is 0.8\n  seed was 0, is 5\n" in str(error.value)


def test_to_go_on_and_to_begin_anew_at_once_is_refused(finished: Path) -> None:
    with pytest.raises(OutputError, match="cannot both go on"):
        claimed(finished, resume=True, overwrite=True)
    assert (finished / "model.sct").read_text() == "small"
