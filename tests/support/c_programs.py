"""The C decoder, called from Python, or compiled into programs that are run."""

import shutil
import subprocess
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from secateur.artifact.entries import Stream, TensorEntry
from secateur.artifact.positions.every import All
from secateur.artifact.values.plain import Whole

STRICT = ("-O2", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Werror")
TINY_TARGET = "int LLVMFuzzerTestOneInput(const char *data, long size) { return data == 0 && size < 0; }"
DECODER = Path(str(files("secateur.artifact.c")))


def compiled(program: Path, sources: Sequence[Path], compiler: str, flags: Sequence[str] = ()) -> Path:
    """The program, made of these sources and the decoder."""
    command = [compiler, "-std=c99", "-g", "-O1", f"-I{DECODER}", *flags, *map(str, sources)]
    done = subprocess.run(
        [*command, str(DECODER / "sct_decode.c"), "-o", str(program)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return program


def lacks(folder: Path, compiler: str, flags: Sequence[str] = (), runner: Sequence[str] = ()) -> str | None:
    """Why such programs cannot be made and run here; None where they can."""
    for tool in (compiler, *runner[:1]):
        if shutil.which(tool) is None:
            return f"there is no {tool}"
    fuzzer = "fuzzer" in str(flags)
    (folder / "tiny.c").write_text(TINY_TARGET if fuzzer else "int main(void) { return 0; }")
    command: list[str | Path] = [compiler, *flags, folder / "tiny.c", "-o", folder / "tiny"]
    once = ["-runs=1"] if fuzzer else []
    if run(command)[0] or run([*runner, folder / "tiny", *once])[0]:
        return f"{compiler} {' '.join(flags)} makes no program that runs"
    return None


def run(command: Sequence[str | Path]) -> tuple[int, str]:
    """Exit code, and all that was printed."""
    done = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def bytes_of(codec: str, stored: bytes, count: int, nonzero: int) -> tuple[TensorEntry, list[bytes]]:
    """A tensor of bytes that is this one stream."""
    streams = (Stream(codec, len(stored)),)
    return TensorEntry("w", "uint8", (count,), All(), Whole(), nonzero, streams), [stored]
