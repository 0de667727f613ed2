"""C programs, compiled with the decoder and run."""

import shutil
import subprocess
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

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
    source, program = folder / "empty.c", folder / "empty"
    entry = "int LLVMFuzzerTestOneInput(const char *d, long n) { return d == 0 && n < 0; }"
    source.write_text(entry if any("fuzzer" in flag for flag in flags) else "int main(void) { return 0; }")
    made = subprocess.run([compiler, *flags, source, "-o", program], capture_output=True, check=False)
    if (
        made.returncode == 0
        and run([*runner, program, *(["-runs=1"] if "fuzzer" in str(flags) else [])])[0] == 0
    ):
        return None
    return f"{compiler} {' '.join(flags)} makes no program that runs"


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
