"""How are the constants of a network stored beside its code?"""

from collections.abc import Iterator

from secateur.compiler.code import Weights
from secateur.compiler.files.words import comment
from secateur.compiler.targets import Target

TEXT_LIMIT = 1_000_000  # bytes up to which hosted compilers get text; longer text compiles slowly
WORDS = 8  # in a line


def weights_files(weights: Weights, target: Target) -> dict[str, bytes]:
    """As C text, which every compiler reads; long ones of a hosted target as a file that is included."""
    blob = bytes(weights.blob)
    if target.hosted and len(blob) > TEXT_LIMIT:
        return {"weights.c": _INCLUDED.encode(), "weights.bin": blob}
    lines = "\n".join(_rows(blob, {offset // 4: note for offset, note in weights.notes.items()}))
    return {"weights.c": _TEXT.format(alignment=max(weights.alignment, 8), lines=lines).encode()}


def _rows(blob: bytes, notes: dict[int, str]) -> Iterator[str]:
    """Lines of words, and before each constant what it is."""
    words = memoryview(blob + bytes(-len(blob) % 4 or 4 * (not blob))).cast("I")
    starts = sorted({0, *notes})
    for start, end in zip(starts, [*starts[1:], len(words)], strict=True):
        if start in notes:
            yield f"    /* {comment(notes[start])} */"
        for at in range(start, end, WORDS):
            yield f"    {', '.join(f'0x{word:08x}' for word in words[at : min(end, at + WORDS)])},"


_TEXT = """/* The weights, as words of a little-endian processor. */
#include <stdint.h>

__attribute__((aligned({alignment}))) const uint32_t model_weights[] = {{
{lines}
}};
"""

_INCLUDED = """/* The weights are the bytes of weights.bin, which the compiler finds through -I. */
#ifdef __APPLE__
#define SECTION ".section __TEXT,__const"
#define NAME "_model_weights"
#define BACK ".text"
#else
#define SECTION ".section .rodata\\n.hidden model_weights"
#define NAME "model_weights"
#define BACK ".previous"
#endif
__asm__(SECTION "\\n.balign 64\\n.globl " NAME "\\n" NAME ":\\n.incbin \\"weights.bin\\"\\n" BACK "\\n");
"""
