"""Which C compiler is there for a target, and how is it called?"""

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache

from secateur.compiler.targets import HOST, OPTIMISATION, OPTIMISED, WARNINGS, Target
from secateur.errors import CompileError


@dataclass(frozen=True)
class Toolchain:
    """A C compiler.

    Attributes:
        command: that runs it.
        zig: whether it is zig, which names processors in its own way.
    """

    command: tuple[str, ...]
    zig: bool = False

    def version(self) -> str:
        """As it says itself; empty where it does not. What it built is of this version."""
        return _version(self.command)

    def compile(self, target: Target) -> list[str]:
        """The command with the flags for this processor, without files."""
        flags = target.zig if self.zig else target.flags
        hosted = ("-fPIC", "-fvisibility=hidden") if target.hosted else ()
        return [*self.command, *flags, *OPTIMISED, *WARNINGS, *hosted, "-I."]

    def link(self, target: Target, threads: int, objects: list[str]) -> list[str]:
        """The command that makes a shared library, without its name."""
        flags = target.zig if self.zig else target.flags
        threaded = THREADED if threads > 1 else ()
        # without an optimisation zig adds its own checks' library, of 200 kB
        return [*self.command, *flags, OPTIMISATION, "-shared", *objects, "-lm", *threaded]


THREADED = ("-pthread", "-Wl,-z,nodelete")  # the workers live on after dlclose()


def toolchain(target: Target) -> Toolchain:
    """CC for this machine's own targets, else the first compiler that is installed, else zig.

    Raises:
        CompileError: there is none, or CC is no command.
    """
    given = os.environ.get("CC", "").strip()
    if given and target.compilers == HOST:
        return Toolchain(_words(given))
    found = next(filter(None, map(shutil.which, target.compilers)), None)
    if found:
        return Toolchain((found,))
    if importlib.util.find_spec("ziglang") is not None:
        return Toolchain((sys.executable, "-m", "ziglang", "cc"), zig=True)
    raise CompileError(
        f"There is no C compiler for the target {target.name}: {target.compilers[0]} is not installed. "
        f"Install it (on Debian: apt-get install {target.package}), or pip install 'secateur[zig]', which "
        "compiles for every target."
    )


@cache
def _version(command: tuple[str, ...]) -> str:
    try:
        return subprocess.run([*command, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


def _words(command: str) -> tuple[str, ...]:
    """As a shell reads them."""
    try:
        return tuple(shlex.split(command))
    except ValueError as error:
        raise CompileError(
            f"CC={command} is no command: {error}. Expected a compiler, and options if need be, such as gcc."
        ) from error
