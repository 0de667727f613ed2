"""For which processors can a network be compiled, and what does each want?"""

from collections.abc import Mapping
from dataclasses import dataclass

from secateur.errors import CompileError, did_you_mean


@dataclass(frozen=True)
class Target:
    """A kind of processor.

    Attributes:
        name: on the command line.
        flags: of the C compiler.
        compilers: GCC's or Clang's names for it, tried in order; the first is named where none is there.
        zig: its name for zig, which compiles for every target.
        hosted: it has an operating system: a shared library is built, with threads.
        tile: pixels that a convolution computes at a time; they fit the registers.
        pitch: planes of images start at multiples of so many elements, so that vectors are aligned.
        higher: targets that the library chooses at run time where the processor has them.
    """

    name: str
    flags: tuple[str, ...]
    compilers: tuple[str, ...]
    zig: tuple[str, ...] = ()
    hosted: bool = True
    tile: int = 64
    pitch: int = 16
    higher: tuple[str, ...] = ()


HOST = ("cc", "gcc", "clang")
ARM = ("arm-none-eabi-gcc",)


def _cortex(cpu: str, *flags: str, tile: int = 8) -> Target:
    options = (f"-mcpu={cpu}", "-mthumb", *flags)
    zig = ("-target", "thumb-freestanding-eabi", f"-mcpu={cpu.replace('-', '_')}")
    return Target(cpu, options, ARM, zig, hosted=False, tile=tile, pitch=1)


TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (
        Target("native", ("-march=native",), HOST, ("-mcpu=native",)),
        Target(
            "x86-64-v2",
            ("-march=x86-64-v2",),
            HOST,
            ("-target", "x86_64-linux-gnu.2.28", "-mcpu=x86_64_v2"),
            higher=("x86-64-v3", "x86-64-v4"),
        ),
        Target(
            "x86-64-v3",
            ("-march=x86-64-v3",),
            HOST,
            ("-target", "x86_64-linux-gnu.2.28", "-mcpu=x86_64_v3"),
            higher=("x86-64-v4",),
        ),
        Target(
            "x86-64-v4",
            ("-march=x86-64-v4",),
            HOST,
            ("-target", "x86_64-linux-gnu.2.28", "-mcpu=x86_64_v4"),
        ),
        Target("aarch64", (), ("aarch64-linux-gnu-gcc",), ("-target", "aarch64-linux-gnu.2.28")),
        Target(
            "armv7",
            ("-march=armv7-a", "-mfpu=neon", "-mfloat-abi=hard"),
            ("arm-linux-gnueabihf-gcc",),
            ("-target", "arm-linux-gnueabihf"),
        ),
        Target("riscv64", (), ("riscv64-linux-gnu-gcc",), ("-target", "riscv64-linux-musl")),
        Target("wasm32", ("-msimd128",), (), ("-target", "wasm32-wasi", "-msimd128"), hosted=False),
        _cortex("cortex-m3", "-mfloat-abi=soft"),
        _cortex("cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"),
        _cortex("cortex-m7", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"),
        _cortex("cortex-m55", "-mfloat-abi=hard"),
    )
}
"""Name -> what it is."""


def target_of(name: str) -> Target:
    """The target of this name.

    Raises:
        CompileError: there is none.
    """
    if name not in TARGETS:
        raise CompileError(
            f"There is no target {name!r}.{did_you_mean(name, TARGETS)} Known: {', '.join(TARGETS)}."
        )
    return TARGETS[name]
