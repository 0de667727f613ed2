"""A compiled network as a program: inputs come through stdin, outputs go to stdout, as plain bytes."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.compiler import Sources
from secateur.compiler.build import write

MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include "model.h"

int main(void) {
    static const size_t sizes[] = {IN_SIZES}, answers[] = {OUT_SIZES};
    void *inputs[MODEL_INPUTS], *outputs[MODEL_OUTPUTS];
    for (int i = 0; i < MODEL_INPUTS; i++) {
        inputs[i] = malloc(sizes[i]);
        if (fread(inputs[i], 1, sizes[i], stdin) != sizes[i]) return 2;
    }
    for (int i = 0; i < MODEL_OUTPUTS; i++) outputs[i] = malloc(answers[i]);
    void *arena; /* of not one byte more, so that sanitizers see what goes past it */
    if (posix_memalign(&arena, 64, MODEL_ARENA_BYTES)) return 3;
    model_run((const void *const *)inputs, outputs, arena);
    for (int i = 0; i < MODEL_OUTPUTS; i++) fwrite(outputs[i], 1, answers[i], stdout);
    for (int i = 0; i < MODEL_INPUTS; i++) free(inputs[i]);
    for (int i = 0; i < MODEL_OUTPUTS; i++) free(outputs[i]);
    free(arena);
    return 0;
}
"""
FLAGS = ("-std=gnu11", "-Wall", "-Wextra", "-Werror", "-I.")


def built(sources: Sources, compiler: Sequence[str], folder: Path) -> Path:
    """The program, or an AssertionError with what the compiler says, warnings included."""
    write({**sources.files, "main.c": _main(sources)}, folder)
    return _compiled([*compiler, *FLAGS, "main.c", "model.c", "weights.c"], folder)


def linked(library: Path, sources: Sources, compiler: Sequence[str], folder: Path) -> Path:
    """The same around a library that is built already; it lies beside the program."""
    write({"model.h": sources.files["model.h"], "main.c": _main(sources)}, folder)
    shutil.copy(library, folder / library.name)
    return _compiled([*compiler, *FLAGS, "main.c", library.name, "-Wl,-rpath,$ORIGIN"], folder)


def _main(sources: Sources) -> bytes:
    main = MAIN.replace("IN_SIZES}", f"{_bytes('INPUT', len(sources.inputs))}}}")
    return main.replace("OUT_SIZES}", f"{_bytes('OUTPUT', len(sources.outputs))}}}").encode()


def _compiled(command: Sequence[str], folder: Path) -> Path:
    program = folder / "program"
    whole = [*command, "-o", program.name, "-lm"]
    done = subprocess.run(whole, cwd=folder, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    return program


def answers(
    command: Sequence[str | Path], sources: Sources, inputs: Sequence[NDArray[Any]]
) -> list[NDArray[Any]]:
    """What the program prints, as arrays."""
    given = b"".join(np.ascontiguousarray(x).tobytes() for x in inputs)
    done = subprocess.run(list(map(str, command)), input=given, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    found, start = [], 0
    for tensor in sources.outputs:
        size = tensor.size * tensor.dtype.itemsize
        found.append(np.frombuffer(done.stdout[start : start + size], tensor.dtype).reshape(tensor.shape))
        start += size
    return found


def _bytes(kind: str, count: int) -> str:
    return ", ".join(f"MODEL_{kind}_{index}_BYTES" for index in range(count))
