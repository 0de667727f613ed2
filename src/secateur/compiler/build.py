"""How do C files become a library?"""

import contextlib
import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from secateur.compiler.cache import trim
from secateur.compiler.emit import Sources
from secateur.compiler.features import machine_features
from secateur.compiler.files.dispatch import run_name, variants
from secateur.compiler.files.names import prefixed
from secateur.compiler.targets import Target
from secateur.compiler.toolchain import Toolchain, toolchain
from secateur.errors import CompileError, OutputError
from secateur.files import cache_path

OBJECT = "model.o"


def library_name(network: str) -> str:
    """Of the shared library of a network of that name."""
    return f"lib{network}.so"


def build(sources: Sources, target: Target) -> Path:
    """What these files become, from the cache where it was built before.

    A shared library; for a target without an operating system the object file of `model.c`, which shows that
    it compiles, and how large it is.

    Raises:
        CompileError: there is no compiler, or it refuses the files.
        OutputError: the cache cannot be written.
    """
    tools = toolchain(target)
    commands = _commands(sources, target, tools)
    folder = cache_path("compiled") / _key([tools.version(), commands], sources)
    built = folder / (library_name(sources.name) if target.hosted else OBJECT)
    try:
        with contextlib.suppress(OSError):  # it is not there, or may only be read
            os.utime(folder)  # what is used stays
        if _whole(built):
            return built
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            work = Path(temporary, "build")
            write(sources.files, work)
            for command in commands:
                run(command, work, sources)
            folder.mkdir(exist_ok=True)
            _digest(built).unlink(missing_ok=True)
            (work / built.name).replace(built)
            _digest(built).write_text(_sha256(built))
        trim(folder.parent)
    except OSError as error:
        raise OutputError(
            f"The network cannot be built in the cache {folder.parent}: {error.strerror or error}. Make room "
            "there, and make it writable, or name another folder for caches (XDG_CACHE_HOME=...)."
        ) from error
    return built


def _digest(built: Path) -> Path:
    """The file that says what the library's bytes were: a crash or a full disk may leave it short."""
    return built.with_suffix(".sha256")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _whole(built: Path) -> bool:
    """Whether the library is there, and as it was built."""
    try:
        return _digest(built).read_text() == _sha256(built)
    except (OSError, UnicodeDecodeError):
        return False


def write(files: Mapping[str, bytes], folder: Path) -> None:
    """Under their names."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def _commands(sources: Sources, target: Target, tools: Toolchain) -> list[list[str]]:
    """One for each object file, and one for the library where there is one."""
    commands, objects, source = [], [], f"{sources.name}.c"

    def add(name: str, made_for: Target, *flags: str, source: str) -> None:
        commands.append([*tools.compile(made_for), *flags, "-c", source, "-o", name])
        objects.append(name)

    if target.higher:
        for variant in variants(target):
            name = run_name(variant)
            define = prefixed(f"MODEL_RUN={name}", sources.prefix)
            add(f"{name}.o", variant, f"-D{define}", source=source)
        add("dispatch.o", target, source="dispatch.c")
    else:
        add(OBJECT, target, source=source)
    if not target.hosted:
        return commands
    add("weights.o", target, source="weights.c")
    return [*commands, [*tools.link(target, sources.threads, objects), "-o", library_name(sources.name)]]


def run(command: list[str], folder: Path, sources: Sources) -> None:
    """Run a compiler; its errors name the operator that they come from.

    Raises:
        CompileError: it cannot be run, or refuses the files.
    """
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CompileError(
            f"The C compiler {command[0]!r} cannot be run: {error.strerror}. Name one that is installed "
            "(CC=gcc), by its whole path where it is not in PATH, or unset CC."
        ) from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
        shown = "\n".join(lines[:5])
        raise CompileError(
            f"The C compiler {command[0]} failed{_origin(done.stderr, folder, sources)}:\n{shown}\n"
            "This is a fault of secateur or of the compiler, not of the network. Try another compiler "
            "(CC=clang), and please report it with the network's operators, shapes and sparsity."
        )


def _origin(message: str, folder: Path, sources: Sources) -> str:
    """Of the first error in the network's own C: the operator whose step it lies in."""
    found = re.search(rf"{sources.name}\.c:(\d+):", message)
    if found is None:
        return ""
    text = (folder / f"{sources.name}.c").read_text().splitlines()[: int(found[1])]
    steps = {step.function: step for step in sources.steps}
    for line in reversed(text):
        name = re.match(r"static void (step_\d+)\(", line)
        if name and name[1] in steps:
            step = steps[name[1]]
            return f" in the operator {step.kind} (node {step.node!r})"
    return ""


def _key(compiler: list[object], sources: Sources) -> str:
    """The same for the same files, compiler and processor: machines may share a home folder."""
    key = hashlib.sha256(repr((compiler, sorted(machine_features()))).encode())
    for name, content in sorted(sources.files.items()):
        key.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    return key.hexdigest()[:32]
