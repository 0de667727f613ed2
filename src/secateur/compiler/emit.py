"""What are the C files of a compiled network?"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources

from secateur.compiler.code import Code, Weights
from secateur.compiler.kernels import KERNELS
from secateur.compiler.memory import ALIGNMENT, Plan, Use, plan
from secateur.compiler.program import Op, Program, Tensor
from secateur.compiler.targets import Target
from secateur.errors import CompileError, did_you_mean
from secateur.version import VERSION

TEXT_LIMIT = 1_000_000  # bytes of weights up to which they are C text, which every compiler reads


@dataclass(frozen=True)
class Sources:
    """A compiled network before a C compiler sees it.

    Attributes:
        files: name -> content.
        inputs: of the network.
        outputs: of the network.
        arena: bytes of working memory.
        weights: bytes of constants.
        steps: for each, the function in `model.c` and the operators that it comes from.
    """

    files: Mapping[str, bytes]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    arena: int
    weights: int
    steps: tuple[tuple[str, str], ...]


def emit(program: Program, target: Target, threads: int) -> Sources:
    """Write every operator's step, and lay out memory and weights.

    Raises:
        CompileError: an operator is not known, or is used in a way that its kernel does not know.
    """
    weights = Weights(ALIGNMENT if target.pitch > 1 else 8)
    outside = frozenset(t.name for t in program.outputs)
    codes = [_code(op, target, weights, outside) for op in program.ops]
    steps = [code for code in codes if not code.viewed]
    elsewhere = outside | {t.name for t in program.inputs}
    layout = plan([_threaded(code, threads) for code in codes], elsewhere)
    scratch = {id(code): start for code, start in zip(codes, layout.scratch, strict=True)}
    pointers = _pointers(program, layout)
    text = [_HEAD.format(version=VERSION)]
    headers = sorted({header for code in steps for header in code.headers} | {"base"})
    text.append("\n".join(f'#include "kernels/{header}.h"' for header in headers))
    text.append(_TYPES)
    for index, code in enumerate(steps):
        text.append(_step(index, code, pointers, scratch[id(code)]))
    text.append(_run(len(steps)))
    named = tuple((f"step_{i}", f"{code.op.kind} (node {code.op.name!r})") for i, code in enumerate(steps))
    files = {
        "model.c": "\n".join(text).encode(),
        "model.h": _header(program, layout.size, len(weights.blob)).encode(),
        **_weights(weights),
        **{f"kernels/{name}": content for name, content in _kernel_files(headers).items()},
    }
    sizes = {
        "flash_weights_bytes": len(weights.blob),
        "ram_arena_bytes": layout.size,
        "ram_inputs_bytes": sum(t.nbytes for t in program.inputs),
        "ram_outputs_bytes": sum(t.nbytes for t in program.outputs),
        "threads": threads,
    }
    files["sizes.json"] = (json.dumps(sizes, indent=2) + "\n").encode()
    return Sources(files, program.inputs, program.outputs, layout.size, len(weights.blob), named)


def _code(op: Op, target: Target, weights: Weights, outside: frozenset[str]) -> Code:
    if op.kind not in KERNELS:
        raise CompileError(
            f"The operator {op.kind} (node {op.name!r}) is not one that secateur compiles."
            f"{did_you_mean(op.kind, KERNELS)} `docs/operators.md` lists those; write the network with "
            "them, or run it in ONNX Runtime."
        )
    code = Code(op, target, weights, outside)
    KERNELS[op.kind](code)
    return code


def _threaded(code: Code, threads: int) -> Use:
    use = code.use
    return replace(use, scratch=threads * _rounded(use.scratch))


def _rounded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT


def _pointers(program: Program, layout: Plan) -> dict[str, str]:
    """Tensor -> the C expression that says where it is."""
    found = {name: f"(void *)(r->arena + {offset})" for name, offset in layout.offsets.items()}
    found |= {t.name: f"r->inputs[{i}]" for i, t in enumerate(program.inputs)}
    found |= {t.name: f"r->outputs[{i}]" for i, t in enumerate(program.outputs)}
    return found | {name: found[base] for name, base in layout.homes.items()}


_HEAD = """/* Written by secateur {version}; do not edit. */
#include "model.h"
"""
_TYPES = """
typedef struct {
    const void *const *inputs;
    void *const *outputs;
    char *arena;
} run_t;

extern const unsigned char model_weights[];
#define WEIGHTS(type, offset) ((const type *)(const void *)(model_weights + (offset)))
"""


def _step(index: int, code: Code, pointers: Mapping[str, str], scratch: int) -> str:
    lines = [f"/* {_comment(f'{code.op.kind}, {code.op.name}')} */"]
    lines.append(f"static void step_{index}(part_t p, const run_t *r) {{")
    lines += [f"    {line}" for line in code.declarations(pointers)]
    if code.scratch:
        lines.append(f"    char *s = r->arena + {scratch} + (size_t)p.index * {_rounded(code.scratch)};")
    lines += [f"    {line}" for line in code.lines]
    lines += ["    (void)p, (void)r;", "}", ""]
    return "\n".join(lines)


def _comment(text: str) -> str:
    """Names in a graph are anyone's text: only letters, digits and a few signs reach the C."""
    return "".join(c if c.isascii() and (c.isalnum() or c in " ,._-:") else "_" for c in text)[:100]


def _run(steps: int) -> str:
    calls = "\n".join(f"    step_{i}(p, &r);" for i in range(steps))
    return (
        "void model_run(const void *const inputs[], void *const outputs[], void *arena) {\n"
        "    const run_t r = {inputs, outputs, (char *)arena};\n"
        "    const part_t p = {0, 1};\n"
        f"{calls}\n}}\n"
    )


def _header(program: Program, arena: int, weights: int) -> str:
    lines = [
        f"/* A neural network, written by secateur {VERSION}; do not edit. */",
        "#ifndef SECATEUR_MODEL_H",
        "#define SECATEUR_MODEL_H",
        "",
        f"#define MODEL_ARENA_BYTES {arena} /* working memory, aligned to {ALIGNMENT} bytes */",
        f"#define MODEL_WEIGHTS_BYTES {weights} /* constants */",
    ]
    for kind, tensors in (("INPUT", program.inputs), ("OUTPUT", program.outputs)):
        for index, tensor in enumerate(tensors):
            shape = " x ".join(map(str, tensor.shape)) or "one"
            lines.append(
                f"#define MODEL_{kind}_{index}_SIZE {tensor.size} "
                f"/* {tensor.c_type}, {shape}: {_comment(tensor.name)} */"
            )
    lines += [
        "",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "",
        "/* Computes the outputs from the inputs. Pointers as the sizes above say, in that order; arena is",
        "   memory of MODEL_ARENA_BYTES that holds nothing between calls. Nothing is allocated. */",
        "void model_run(const void *const inputs[], void *const outputs[], void *arena);",
        "",
        "#ifdef __cplusplus",
        "}",
        "#endif",
        "",
        "#endif",
        "",
    ]
    return "\n".join(lines)


def _weights(weights: Weights) -> dict[str, bytes]:
    """Short ones as text; long ones as a file that the assembler includes."""
    aligned = f"__attribute__((aligned({max(weights.alignment, 8)})))"
    if len(weights.blob) > TEXT_LIMIT:
        text = (
            "/* The weights are the bytes of weights.bin, found through the compiler's -I. */\n"
            '__asm__(".section .rodata\\n.balign 64\\n.globl model_weights\\nmodel_weights:\\n"\n'
            '        ".incbin \\"weights.bin\\"\\n.previous\\n");\n'
        )
        return {"weights.c": text.encode(), "weights.bin": bytes(weights.blob)}
    blob = bytes(weights.blob) + bytes(-len(weights.blob) % 4)
    words = memoryview(blob).cast("I")
    starts = {offset // 4: note for offset, note in weights.notes.items()}
    lines = ["/* The weights, as little-endian words. */", "#include <stdint.h>", ""]
    lines.append(f"{aligned} const uint32_t model_weights[] = {{")
    row: list[str] = []
    for index, word in enumerate(words):
        if index in starts or len(row) == 8:
            lines += [f"    {', '.join(row)},"] if row else []
            row = []
        if index in starts:
            lines.append(f"    /* {_comment(starts[index])} */")
        row.append(f"0x{word:08x}")
    lines += [f"    {', '.join(row or ['0'])},", "};", ""]
    return {"weights.c": "\n".join(lines).encode()}


def _kernel_files(headers: Sequence[str]) -> dict[str, bytes]:
    """The named files of `c/`, and those that they include."""
    folder = resources.files("secateur.compiler") / "c"
    found: dict[str, bytes] = {}
    wanted = [f"{header}.h" for header in headers]
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = (folder / name).read_bytes()
            lines = found[name].decode().splitlines()
            wanted += [line.split('"')[1] for line in lines if line.startswith('#include "')]
    return dict(sorted(found.items()))
