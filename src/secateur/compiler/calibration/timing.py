"""How long does each step of a compiled network take on this machine?"""

import ctypes
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.compiler.build import build
from secateur.compiler.emit import Sources
from secateur.compiler.memory import ALIGNMENT
from secateur.compiler.targets import target_of

Timed = tuple[NDArray[np.float64], ctypes.CDLL]


def step_times(
    sources: Sources, inputs: Sequence[NDArray[Any]], *, rounds: int, repeats: int = 1, more: str = ""
) -> Timed:
    """Milliseconds (rounds, steps) on one thread, and the library.

    Args:
        sources: of the target `native`.
        inputs: of the network; planes padded as its tensors say.
        rounds: through all steps.
        repeats: calls of each step in a round, of which the last is timed: of two, its input is near.
        more: C to add to the library.
    """
    steps = ", ".join(step.function for step in sources.steps)
    text = sources.files["model.c"].decode() + _C.replace("STEPS", steps) + more
    timed = replace(sources, files={**sources.files, "model.c": text.encode()})
    library = ctypes.CDLL(str(build(timed, target_of("native"))))
    arena, given = aligned(sources.sizes.arena), [_copied(array) for array in inputs]
    outputs = [np.empty(tensor.stored, tensor.dtype) for tensor in sources.outputs]
    found = np.zeros((rounds, len(sources.steps)))
    for times in found:
        library.time_steps(_pointers(given), _pointers(outputs), _at(arena), _at(times), repeats)
    return found, library


def aligned(size: int) -> NDArray[np.uint8]:
    """So many bytes, all 0, that start where a vector may."""
    room = np.zeros(size + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    return room[start : start + size]


def _copied(array: NDArray[Any]) -> NDArray[np.uint8]:
    room = aligned(array.nbytes)
    room[:] = np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)
    return room


def _pointers(arrays: Sequence[NDArray[Any]]) -> Any:
    return (ctypes.c_void_p * max(1, len(arrays)))(*(array.ctypes.data for array in arrays))


def _at(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


_C = """
#include <time.h>

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec * 1e-6;
}

__attribute__((visibility("default"))) void time_steps(const void *const inputs[], void *const outputs[],
                                                       void *arena, double *ms, int repeats) {
    void (*const all[])(part_t, const run_t *) = {STEPS};
    const run_t r = {inputs, outputs, (char *)arena};
    const float_mode_t before = flush_subnormals();
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (int turn = 0; turn < repeats; turn++) {
            const double start = now_ms();
            all[i]((part_t){0, 1}, &r);
            ms[i] = now_ms() - start;
        }
    set_float_mode(before);
}
"""
