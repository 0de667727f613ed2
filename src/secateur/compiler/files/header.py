"""What does `model.h` tell the program that calls the network?"""

from secateur.compiler.files.sizes import Sizes
from secateur.compiler.files.words import comment
from secateur.compiler.memory import ALIGNMENT
from secateur.compiler.program import Program, Tensor
from secateur.version import VERSION


def header(program: Program, memory: Sizes, threads: int) -> str:
    """Its sizes as constants, and `model_run`."""
    sizes = [
        f"#define MODEL_ARENA_BYTES {memory.arena} /* working memory, aligned to {ALIGNMENT} */",
        f"#define MODEL_WEIGHTS_BYTES {memory.weights} /* constants, in flash */",
        f"#define MODEL_THREADS {threads}",
        f"#define MODEL_INPUTS {len(program.inputs)}",
        f"#define MODEL_OUTPUTS {len(program.outputs)}",
    ]
    for kind, tensors in (("INPUT", program.inputs), ("OUTPUT", program.outputs)):
        for index, tensor in enumerate(tensors):
            sizes += _sizes(f"MODEL_{kind}_{index}", tensor)
    return _TEXT.format(version=VERSION, sizes="\n".join(sizes), alignment=ALIGNMENT)


def _sizes(name: str, tensor: Tensor) -> list[str]:
    shape = " x ".join(map(str, tensor.shape)) or "one number"
    about = f"elements of type {tensor.c_type}, {shape}: {comment(tensor.name)}"
    return [
        f"#define {name}_SIZE {tensor.size} /* {about} */",
        f"#define {name}_BYTES {tensor.size * tensor.dtype.itemsize}",
    ]


MARK = "/* A neural network, written by secateur"
"""How it begins."""

_TEXT = (
    MARK
    + """ {version}; do not edit. */
#ifndef SECATEUR_MODEL_H
#define SECATEUR_MODEL_H

{sizes}

#ifdef __cplusplus
extern "C" {{
#endif

/* Computes the outputs from the inputs.

   inputs, outputs  a pointer to each, in the order of the numbers above, row-major. They do not overlap.
   arena            MODEL_ARENA_BYTES of memory aligned to {alignment}. Between calls it holds
                    nothing, and may be used for something else.

   There is nothing to initialise and nothing to free; nothing is allocated. */
void model_run(const void *const inputs[], void *const outputs[], void *arena);

#ifdef __cplusplus
}}
#endif

#endif
"""
)
