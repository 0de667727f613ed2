"""How does a network become a folder of C files, and a library of its target?"""

from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from secateur.compiler.build import build, library_name
from secateur.compiler.elf import stored_bytes
from secateur.compiler.emit import Sources
from secateur.compiler.files.header import MARK
from secateur.compiler.files.sizes import Sizes
from secateur.compiler.targets import Target
from secateur.compiler.toolchain import toolchain
from secateur.errors import CompileError, OutputError
from secateur.files import write_folder_atomically

FILES = ("sizes.json", "CMakeLists.txt", "dispatch.c", "weights.bin", "weights.c")


@dataclass(frozen=True)
class Limits:
    """Bytes that the device has; None where it does not matter."""

    ram: int | None = None
    flash: int | None = None


def check_free(out: Path, *, overwrite: bool) -> None:
    """Before minutes of work.

    Raises:
        OutputError: something is there that is not to be replaced.
    """
    if not (out.exists() or out.is_symlink()):
        return
    ours = bool(_networks(out))
    if not ours and not (out.is_dir() and not any(out.iterdir())):
        raise OutputError(f"{out} is there, and secateur compile did not write it. Name another folder.")
    if ours and not overwrite:
        raise OutputError(
            f"{out} holds a compiled network already. Name another folder, or say that it may be replaced "
            "(--overwrite)."
        )


def write_folder(sources: Sources, target: Target, out: Path, limits: Limits) -> Sizes:
    """Write all files, and the library where the target has an operating system; what else is there stays.

    Raises:
        CompileError: no C compiler, one that refuses the files, or less memory than is needed.
        OutputError: the folder cannot be written.
    """
    files = dict(sources.files)
    built = _built(sources, target, needed=target.hosted or limits.flash is not None)
    sizes = sources.sizes
    if built is not None:
        content = built.read_bytes()
        if target.hosted:
            files[library_name(sources.name)] = content
        sizes = replace(sizes, code=_code_bytes(content, sizes if target.hosted else None))
    _check(sizes, limits)
    files["sizes.json"] = sizes.to_json()
    write_folder_atomically(out, files, _names(out))
    return sizes


def _networks(out: Path) -> list[str]:
    """Names of those that were written there; by its first line a header is known as ours."""
    if not (out / "sizes.json").is_file():
        return []
    headers = [path for path in out.glob("*.h") if path.with_suffix(".c").is_file()]
    return [path.stem for path in headers if path.read_bytes().startswith(MARK.encode())]


def _names(out: Path) -> list[str]:
    """Of all files that an earlier network there may have."""
    kernels = resources.files("secateur.compiler") / "c"
    own = [file for name in _networks(out) for file in (f"{name}.c", f"{name}.h", library_name(name))]
    return [*own, *FILES, *(f"kernels/{file.name}" for file in kernels.iterdir())]


def _built(sources: Sources, target: Target, *, needed: bool) -> Path | None:
    """None where there is no compiler, and only the size of the code is not known for it."""
    try:
        toolchain(target)
    except CompileError:
        if needed:
            raise
        return None
    return build(sources, target)


def _code_bytes(content: bytes, sizes: Sizes | None) -> int | None:
    """Of a library without its weights, or of an object file that has none."""
    stored = stored_bytes(content)
    return None if stored is None else stored - (sizes.weights if sizes else 0)


def _check(sizes: Sizes, limits: Limits) -> None:
    """Both at once: a network that is too large for one may be for the other."""
    over = []
    for name, need, have, parts in (
        (
            "RAM",
            sizes.ram,
            limits.ram,
            {"arena": sizes.arena, "inputs": sizes.inputs, "outputs": sizes.outputs},
        ),
        ("flash", sizes.flash, limits.flash, {"weights": sizes.weights, "code": sizes.code or 0}),
    ):
        if have is not None and need > have:
            shown = ", ".join(f"{part} {size:,}" for part, size in parts.items())
            over.append(f"{need:,} bytes of {name} ({shown}), and {have:,} are there")
    if over:
        raise CompileError(
            f"The network needs {'; and '.join(over)}. Prune it further, or remove channels, which makes "
            "activations smaller too; or take smaller inputs."
        )
