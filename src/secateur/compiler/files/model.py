"""What does `model.c` hold: every operator's step, and the function that runs them?"""

from collections.abc import Mapping, Sequence

from secateur.compiler.code import Code
from secateur.compiler.files.examples import functions
from secateur.compiler.files.words import comment
from secateur.compiler.memory import Plan, rounded
from secateur.compiler.program import Program
from secateur.compiler.targets import Target
from secateur.version import VERSION


def headers_of(codes: Sequence[Code], threads: int) -> list[str]:
    """Names of the files of `c/` that `model.c` includes."""
    around = {"base", "subnormals"} | ({"threads"} if threads > 1 else set())
    return sorted({header for code in codes for header in code.headers} | around)


def model(
    program: Program, codes: Sequence[Code], layout: Plan, target: Target, threads: int, examples: int
) -> str:
    """The C of all steps and of `model_run`.

    Args:
        program: whose inputs and outputs the caller gives.
        codes: of its operators, those that are only views among them.
        layout: of the arena, for the same codes.
        target: whether it has an operating system, and libraries.
        threads: that share the work.
        examples: that a call computes, one after the other.
    """
    pointers = _pointers(program, layout)
    steps = [(code, start) for code, start in zip(codes, layout.scratch, strict=True) if not code.viewed]
    text = [_HEAD.format(version=VERSION, extensions=_EXTENSIONS if threads > 1 else "")]
    text += [f'#include "kernels/{header}.h"' for header in headers_of([c for c, _ in steps], threads)]
    text.append(_TYPES)
    text += [_step(index, code, pointers, scratch) for index, (code, scratch) in enumerate(steps)]
    text.append(_run(program, len(steps), layout.size, target, threads, examples))
    return "\n".join(text)


def _pointers(program: Program, layout: Plan) -> dict[str, str]:
    """Tensor -> the C expression that says where it is."""
    found = {name: f"(void *)(r->arena + {offset})" for name, offset in layout.offsets.items()}
    found |= {t.name: f"r->inputs[{i}]" for i, t in enumerate(program.inputs)}
    found |= {t.name: f"r->outputs[{i}]" for i, t in enumerate(program.outputs)}
    return found | {name: found[base] for name, base in layout.homes.items()}


def _step(index: int, code: Code, pointers: Mapping[str, str], scratch: int) -> str:
    lines = [f"/* {comment(f'{code.op.kind}, {code.op.name}')} */"]
    lines.append(f"static void step_{index}(part_t p, const run_t *r) {{")
    lines += [f"    {line}" for line in code.declarations(pointers)]
    if code.scratch:
        lines.append(f"    char *s = r->arena + {scratch} + (size_t)p.index * {rounded(code.scratch)};")
    lines += [f"    {line}" for line in code.lines]
    lines += ["    (void)p, (void)r;", "}", ""]
    return "\n".join(lines)


def _run(program: Program, steps: int, arena: int, target: Target, threads: int, examples: int) -> str:
    calls = []
    for index in range(steps):
        calls.append(f"    step_{index}(p, r);")
        if threads > 1 and index < steps - 1:
            calls.append("    barrier(p);")
    work = "steps" if examples == 1 else "examples"
    started = f"run_together({threads}, {work}, &r);" if threads > 1 else f"{work}((part_t){{0, 1}}, &r);"
    return _RUN.format(
        calls="\n".join(calls),
        examples=functions(program, arena, threads, examples),
        started=started,
        shown=_SHOWN if target.hosted and not target.higher else "",
    )


_EXTENSIONS = "#define _GNU_SOURCE /* processors and threads on Linux */\n"

_HEAD = """/* Written by secateur {version}; do not edit. */
{extensions}#include "model.h"
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

_RUN = """static void steps(part_t p, const void *run) {{
    const run_t *r = (const run_t *)run;
    const float_mode_t before = flush_subnormals();
{calls}
    (void)p, (void)r;
    set_float_mode(before);
}}

{examples}#ifndef MODEL_RUN /* another name for each kind of processor, where the library chooses */
#define MODEL_RUN model_run
#endif
{shown}void MODEL_RUN(const void *const inputs[], void *const outputs[], void *arena) {{
    const run_t r = {{inputs, outputs, (char *)arena}};
    {started}
}}
"""

_SHOWN = '__attribute__((visibility("default"))) '
