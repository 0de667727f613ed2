"""How is a file, or a folder of files, written so that it is either whole or not there?"""

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

from secateur.errors import OutputError

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}
NO_FOLDER = {errno.ENOENT, errno.ENOTDIR}


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path`: readers see the old file or the new one, never a part.

    Whatever stops it (a full disk, Ctrl-C), the file that was there stays and nothing else is left.

    Raises:
        OutputError: the file cannot be written; the message says why in plain words.
    """
    target = Path(os.path.realpath(path))  # a link stays a link; what it points to is replaced
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")  # a rename needs the same disk
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # else a power cut could leave the new name on an empty file
        temporary.replace(target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise OutputError(_explain(error, target, len(data))) from error
        raise


def write_folder_atomically(
    path: str | os.PathLike[str], files: Mapping[str, bytes], earlier: Collection[str] = ()
) -> None:
    """Write a folder with these files, in the place of one that may be there, whose other files stay.

    Args:
        path: of the folder.
        files: path in the folder -> content.
        earlier: paths of what an earlier call may have written there, which goes.

    Raises:
        OutputError: it cannot be written; the folder that was there stays, and nothing else is left.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_dir():
        raise OutputError(f"{target} is a file, and a folder would be written there. Name another place.")
    made = target.with_name(f".{secrets.token_hex(8)}.tmp")  # a rename needs the same disk
    before = made.with_suffix(".old")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            (made / name).write_bytes(data)
        if target.exists():
            _copy_others(target, made, {*files, *earlier})  # there are two of each until all is done
            target.replace(before)
        made.replace(target)
    except BaseException as error:
        if before.exists() and not target.exists():
            before.replace(target)
        if isinstance(error, OSError):
            raise OutputError(_explain(error, target, sum(map(len, files.values())))) from error
        raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
        if target.exists():  # else `before` is all that there is
            shutil.rmtree(before, ignore_errors=True)


def _copy_others(source: Path, target: Path, ours: Collection[str]) -> None:
    """All of a folder but our files; links stay links."""
    paths = {source / name for name in ours}

    def ignored(folder: str, names: list[str]) -> list[str]:
        there = {name: Path(folder, name) for name in names}
        return [name for name, path in there.items() if path in paths and not path.is_dir()]

    shutil.copytree(source, target, symlinks=True, ignore=ignored, dirs_exist_ok=True)


def cache_path(name: str) -> Path:
    """Where what can be made again is kept for this user: a folder, or a file, of this name."""
    base = os.environ.get("XDG_CACHE_HOME")
    return Path(base if base else Path.home() / ".cache", "secateur", name)


def _explain(error: OSError, target: Path, size: int) -> str:
    what = f"{target} could not be written: "
    if error.errno in NO_ROOM:
        return (
            f"{what}there is no room for its {size:,} bytes (disk full, or over a quota or a limit). "
            "Nothing was left behind. Free some space, or write to another disk."
        )
    if error.errno in NOT_ALLOWED:
        return f"{what}no permission. Make {target.parent} writable, or write to another folder."
    if error.errno in NO_FOLDER:
        return f"{what}there is no folder {target.parent}. Make it first, or check the spelling."
    if error.errno == errno.EISDIR:
        return f"{what}this is a folder. Name a file in it, for example {target / 'model.sct'}."
    return f"{what}{error.strerror or error}. Try another folder or another name."
