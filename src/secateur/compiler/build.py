"""How do C files become a library?"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from secateur.compiler.emit import Sources
from secateur.compiler.targets import Target
from secateur.errors import CompileError

FLAGS = ("-std=gnu11", "-O3", "-fno-math-errno", "-ffp-contract=fast", "-Wall", "-Wextra", "-I.")


def build(sources: Sources, target: Target) -> Path:
    """The shared library of these files, from the cache where it was built before.

    Raises:
        CompileError: there is no compiler, or it refuses the files.
    """
    command = [*compiler(target), *FLAGS, *target.flags, "-shared", "-fPIC"]
    key = hashlib.sha256(repr(command).encode())
    for name, content in sorted(sources.files.items()):
        key.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    folder = _cache() / key.hexdigest()[:32]
    library = folder / "model.so"
    if library.is_file():
        return library
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        work = Path(temporary, "build")
        write(sources.files, work)
        run([*command, "model.c", "weights.c", "-o", "model.so", "-lm"], work, sources)
        folder.mkdir(exist_ok=True)
        (work / "model.so").replace(library)
    return library


def write(files: Mapping[str, bytes], folder: Path) -> None:
    """Under their names."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def compiler(target: Target) -> list[str]:
    """The command of a C compiler for this target: CC, the first that is installed, or zig.

    Raises:
        CompileError: there is none.
    """
    if target.hosted and os.environ.get("CC"):
        return os.environ["CC"].split()
    for name in target.compilers:
        found = shutil.which(name)
        if found:
            return [found]
    if importlib.util.find_spec("ziglang") is not None:
        return [sys.executable, "-m", "ziglang", "cc", *target.zig]
    wanted = f"{target.compilers[0]} is not installed" if target.compilers else "It needs zig"
    raise CompileError(
        f"There is no C compiler for the target {target.name}. {wanted}. Install it with your system's "
        "packages, or pip install 'secateur[zig]', which compiles for every target."
    )


def run(command: list[str], folder: Path, sources: Sources) -> None:
    """Run a compiler; its errors name the operator that they come from."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
        shown = "\n".join(lines[:5])
        raise CompileError(
            f"The C compiler {command[0]} failed{_origin(done.stderr, folder, sources)}:\n{shown}\n"
            "This is a fault of secateur or of the compiler, not of the network. Try another compiler "
            "(CC=clang), and please report it with the file model.c, which `secateur compile --out DIR` writes."
        )


def _origin(message: str, folder: Path, sources: Sources) -> str:
    """Of the first error in model.c: the operator whose step it lies in."""
    found = re.search(r"model\.c:(\d+):", message)
    if found is None:
        return ""
    text = (folder / "model.c").read_text().splitlines()[: int(found[1])]
    steps = dict(sources.steps)
    for line in reversed(text):
        name = re.match(r"static void (step_\d+)\(", line)
        if name and name[1] in steps:
            return f" in the operator {steps[name[1]]}"
    return ""


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return Path(base if base else Path.home() / ".cache", "secateur", "compiled")
