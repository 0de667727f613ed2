"""Which of the libraries that were built stay in the cache?"""

import os
import time
from pathlib import Path

import pytest
from compiled_nets import graph

from secateur.compiler import cache, sources_of, toolchain
from secateur.compiler.build import build
from secateur.compiler.targets import target_of

DAY = 24 * 3600


def library(folder: Path, size: int, age: float) -> Path:
    """A folder with a file of so many bytes, used so many seconds ago."""
    folder.mkdir()
    (folder / "libmodel.so").write_bytes(bytes(size))
    os.utime(folder, (time.time() - age,) * 2)
    return folder


def test_the_oldest_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST", 100)
    ages = {"a": 4 * DAY, "b": 2 * DAY, "c": DAY, "d": 3 * DAY}
    for name, age in ages.items():
        library(tmp_path / name, 40, age)
    cache.trim(tmp_path)
    assert {folder.name for folder in tmp_path.iterdir()} == {"b", "c"}


def test_what_may_be_in_use_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST", 0)
    for age in (0, 60, DAY):
        library(tmp_path / str(age), 40, age)
    cache.trim(tmp_path)
    assert {folder.name for folder in tmp_path.iterdir()} == {"0", "60"}


def test_a_build_makes_room_and_what_is_asked_for_again_is_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(cache, "MOST", 0)
    (tmp_path / "secateur" / "compiled").mkdir(parents=True)
    old = library(tmp_path / "secateur" / "compiled" / "old", 40, DAY)
    target = target_of("native")
    first, second = (sources_of(graph(name)[0], target, {}) for name in ("linear", "one pixel"))
    built = build(first, target)
    assert not old.exists()
    os.utime(built.parent, (0, 0))
    assert build(first, target) == built
    build(second, target)
    assert built.exists()


def test_a_library_that_is_not_whole_is_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    sources, target = sources_of(graph("linear")[0], target_of("native"), {}), target_of("native")
    built = build(sources, target)
    first = built.read_bytes()
    for content in (b"", first[: len(first) // 2]):
        built.unlink()  # a library that is loaded is not written to
        built.write_bytes(content)
        assert build(sources, target).read_bytes() == first
    built.with_suffix(".sha256").unlink()
    assert build(sources, target).read_bytes() == first


def test_another_version_of_the_compiler_builds_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    sources, target, folders = (
        sources_of(graph("linear")[0], target_of("native"), {}),
        target_of("native"),
        [],
    )
    for version in ("1", "2"):
        compiler = tmp_path / "cc"
        compiler.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo {version} || exec gcc "$@"\n')
        compiler.chmod(0o755)
        monkeypatch.setenv("CC", str(compiler))
        toolchain._version.cache_clear()
        folders.append(build(sources, target).parent)
    assert folders[0] != folders[1]
