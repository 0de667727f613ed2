import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from secateur.errors import OutputError
from secateur.files import write_atomically, write_folder_atomically

FULL_DISK = """
import resource, sys
from secateur.errors import OutputError
from secateur.files import write_atomically

resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomically(sys.argv[1], bytes(5000))
except OutputError as error:
    print(error)
"""


def test_writes_a_new_file_and_replaces_an_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_atomically(path, b"first")
    write_atomically(str(path), b"2nd")
    assert path.read_bytes() == b"2nd"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    link = tmp_path / "link"
    link.symlink_to("real")
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    command = [sys.executable, "-c", FULL_DISK, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "no room for its 5,000 bytes" in done.stdout
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"there is no folder .*runs\. Make it first"):
        write_atomically(tmp_path / "runs" / "a.bin", b"")


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    with pytest.raises(OutputError, match=r"this is a folder"):
        write_atomically(tmp_path / "runs", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_a_folder_is_written_around_what_others_put_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_folder_atomically(out, {"model.c": b"1st", "kernels/old.h": b"1st", "weights.bin": b"1st"})
    (out / "kernels" / "mine.h").write_text("years of work")
    (out / "thesis.txt").symlink_to("kernels/mine.h")
    (out / "weights.bin").unlink()
    (out / "weights.bin").mkdir()  # of that name, and not ours
    write_folder_atomically(out, {"model.c": b"2nd"}, ["kernels/old.h", "weights.bin"])
    assert (out / "model.c").read_bytes() == b"2nd"
    assert (out / "thesis.txt").is_symlink()
    assert (out / "thesis.txt").read_text() == "years of work"
    assert {path.name for path in out.rglob("*")} == {
        *("model.c", "kernels", "mine.h", "thesis.txt", "weights.bin")
    }
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("broken", [{1}, {2}, {2, 3}])
def test_a_crash_loses_no_file_of_others(
    broken: set[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Renames: the old folder goes aside, the new one in its place; after a crash the old one comes back."""
    out, count, rename = tmp_path / "out", itertools.count(1), Path.replace
    write_folder_atomically(out, {"model.c": b"old"})
    (out / "mine").write_text("years of work")

    def broken_rename(path: Path, target: Path) -> Path:
        if next(count) in broken:
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", broken_rename)
    with pytest.raises(KeyboardInterrupt):
        write_folder_atomically(out, {"model.c": b"new"})
    (folder,) = tmp_path.iterdir()
    assert (folder == out) != (3 in broken)
    assert (folder / "mine").read_text() == "years of work"
    assert (folder / "model.c").read_bytes() == b"old"


def test_a_file_is_not_replaced_by_a_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("years of work")
    with pytest.raises(OutputError, match="out is a file"):
        write_folder_atomically(tmp_path / "out", {"model.c": b""})
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out", "years of work")]


def test_no_permission_is_said_in_plain_words(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    with nobody(), pytest.raises(OutputError, match=r"no permission\. Make .* writable"):
        write_atomically(folder / "a.bin", b"")


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # a file opened, but not yet entered
def test_an_interrupt_at_any_moment_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    seen = set()
    for moment in range(1, 1000):
        path.write_bytes(b"old")
        finished = interrupted_at(moment, path)
        assert list(tmp_path.iterdir()) == [path]
        seen.add(path.read_bytes())
        if finished:
            break
    assert finished
    assert seen == {b"old", b"new"}


def interrupted_at(moment: int, path: Path) -> bool:
    """Write `path` with a KeyboardInterrupt at the n-th call or return; whether it came too late."""
    left = moment

    def interrupt(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt  # which also ends the profiling

    try:
        sys.setprofile(interrupt)
        write_atomically(path, b"new")
        sys.setprofile(None)
    except KeyboardInterrupt:
        return False
    return left > 0


@contextmanager
def nobody() -> Iterator[None]:
    """Run as an ordinary user, as root may write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
