"""Which of the libraries that were built are kept?"""

import contextlib
import shutil
import time
from pathlib import Path

MOST = 1 << 30  # bytes of all libraries
IN_USE = 3600  # seconds from which on nobody builds in a folder, or is about to load what lies there


def trim(cache: Path) -> None:
    """Delete the folders that were not used for the longest time, until there are `MOST` bytes at most.

    A folder that was used in the last hour stays, and what cannot be deleted: another process may be at it.
    """
    now, size = time.time(), 0
    with contextlib.suppress(OSError):
        used = sorted(((folder.stat().st_mtime, folder) for folder in cache.iterdir()), reverse=True)
        for last, folder in used:
            size += sum(file.stat().st_size for file in folder.rglob("*"))
            if size > MOST and now - last > IN_USE:
                shutil.rmtree(folder, ignore_errors=True)
