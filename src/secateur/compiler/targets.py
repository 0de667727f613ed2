"""For which processors can a network be compiled, and what does each want?"""

import platform
from collections.abc import Mapping
from dataclasses import dataclass

from secateur.compiler.features import machine_features
from secateur.errors import CompileError, did_you_mean

OPTIMISATION = "-O3"
OPTIMISED = ("-std=gnu11", OPTIMISATION, "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast")
WARNINGS = ("-Wall", "-Wextra")


@dataclass(frozen=True)
class Target:
    """A kind of processor.

    Attributes:
        name: on the command line.
        flags: of the C compiler, that name the processor.
        compilers: GCC's or Clang's names for it, tried in order.
        package: of Debian, which brings the first of them.
        zig: the same for zig, which compiles for every target.
        hosted: it has an operating system: a shared library is built, with threads.
        pitch: planes of images start at multiples of so many elements, so that vectors are aligned.
        higher: targets that the library chooses at run time where the processor has their features.
        features: as GCC names them, that the lower ones lack.
    """

    name: str
    flags: tuple[str, ...]
    compilers: tuple[str, ...]
    package: str
    zig: tuple[str, ...] = ()
    hosted: bool = True
    pitch: int = 16
    higher: tuple[str, ...] = ()
    features: tuple[str, ...] = ()


GLIBC = "2.28"  # zig links against this version; a library runs with it and later ones
BARE = ("-fshort-enums", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables")
"""Without them zig's objects ask a firmware's linker for Linux's enums and for what unwinds exceptions."""
HOST = ("cc", "gcc", "clang")
X86 = platform.machine() in ("x86_64", "AMD64")


def _native() -> Target:
    flag = "-march=native" if X86 else "-mcpu=native"
    pitch = 8 if "avx2" in machine_features() and "avx512f" not in machine_features() else 16
    return Target("native", (flag,), HOST, "gcc", ("-mcpu=native",), pitch=pitch)


def _x86(level: int, *higher: str, features: tuple[str, ...] = ()) -> Target:
    name = f"x86-64-v{level}"
    compilers = HOST if X86 else ("x86_64-linux-gnu-gcc",)
    package = "gcc" if X86 else "gcc-x86-64-linux-gnu libc6-dev-amd64-cross"
    zig = ("-target", f"x86_64-linux-gnu.{GLIBC}", f"-mcpu=x86_64_v{level}")
    return Target(name, (f"-march={name}",), compilers, package, zig, higher=higher, features=features)


def _linux(name: str, triple: str, package: str, flags: tuple[str, ...] = (), zig_cpu: str = "") -> Target:
    zig = ("-target", f"{triple}.{GLIBC}", *((f"-mcpu={zig_cpu}",) if zig_cpu else ()))
    return Target(name, flags, (f"{triple}-gcc",), package, zig)


def _cortex(cpu: str, zig: str, *flags: str) -> Target:
    options = (f"-mcpu={cpu}", "-mthumb", *flags)
    package = "gcc-arm-none-eabi libnewlib-arm-none-eabi"
    single = "-fp64" if "-mfpu=fpv5-sp-d16" in flags else ""  # some of these have no unit for doubles
    zig_options = ("-target", zig, f"-mcpu={cpu.replace('-', '_')}{single}", *BARE)
    return Target(cpu, options, ("arm-none-eabi-gcc",), package, zig_options, hosted=False, pitch=1)


ALL = (
    _native(),
    _x86(2, "x86-64-v3", "x86-64-v4"),
    _x86(3, "x86-64-v4", features=("avx2", "fma", "bmi", "bmi2")),
    _x86(4, features=("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")),
    _linux("aarch64", "aarch64-linux-gnu", "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"),
    _linux(
        "armv7",
        "arm-linux-gnueabihf",
        "gcc-arm-linux-gnueabihf libc6-dev-armhf-cross",
        ("-march=armv7-a", "-mfpu=neon", "-mfloat-abi=hard"),
        "generic+v7a+neon",
    ),
    _linux("riscv64", "riscv64-linux-gnu", "gcc-riscv64-linux-gnu libc6-dev-riscv64-cross"),
    Target(
        "wasm32",
        ("--target=wasm32-wasi", "-msimd128"),
        ("clang",),
        "clang lld wasi-libc libclang-rt-14-dev-wasm32",
        ("-target", "wasm32-wasi", "-mcpu=generic+simd128"),
        hosted=False,
    ),
    _cortex("cortex-m3", "thumb-linux-musleabi", "-mfloat-abi=soft"),
    _cortex("cortex-m4", "thumb-linux-musleabihf", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"),
    _cortex("cortex-m7", "thumb-linux-musleabihf", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"),
    _cortex("cortex-m55", "thumb-linux-musleabihf", "-mfloat-abi=hard"),
)

TARGETS: Mapping[str, Target] = {target.name: target for target in ALL}
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
