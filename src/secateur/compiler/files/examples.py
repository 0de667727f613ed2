"""How does a call run the network for one example of a batch after the other?"""

from secateur.compiler.memory import rounded
from secateur.compiler.program import Program


def arena_of_all(arena: int, threads: int, examples: int) -> int:
    """Bytes of working memory, where one example needs `arena`: each thread computes examples of its own."""
    together = min(threads, examples)
    return arena if together == 1 else together * rounded(arena)


def functions(program: Program, arena: int, threads: int, examples: int) -> str:
    """The C before `model_run`; nothing for a single example.

    Args:
        program: of one example.
        arena: bytes that it needs.
        threads: of the library.
        examples: of a call.
    """
    if examples == 1:
        return ""
    moves = "\n".join(
        f"    {to}[{index}] = ({kind} *)all->{whole}[{index}] + i * {tensor.nbytes};"
        for to, whole, kind, tensors in (
            ("in", "inputs", "const char", program.inputs),
            ("out", "outputs", "char", program.outputs),
        )
        for index, tensor in enumerate(tensors)
    )
    one = _EXAMPLE.format(ins=len(program.inputs), outs=len(program.outputs), moves=moves)
    return one + (_SHARED if threads > 1 else _ALONE).format(examples=examples, arena=rounded(arena))


_EXAMPLE = """static void example(part_t p, const run_t *all, ptrdiff_t i, char *arena) {{
    const void *in[{ins}];
    void *out[{outs}];
{moves}
    const run_t r = {{in, out, arena}};
    steps(p, &r);
}}

/* One example after the other, so that what is computed of it stays in the caches. */
"""

_ALONE = """static void examples(part_t p, const void *run) {{
    const run_t *r = (const run_t *)run;
    for (ptrdiff_t i = 0; i < {examples}; i++) example(p, r, i, r->arena);
}}

"""

_SHARED = """static void examples(part_t p, const void *run) {{
    const run_t *r = (const run_t *)run;
    const ptrdiff_t alone = {examples} - {examples} % p.count; /* the last few: all together */
    char *own = r->arena + (size_t)p.index * {arena};
    for (ptrdiff_t i = take(); i < alone; i = take()) example((part_t){{0, 1}}, r, i, own);
    for (ptrdiff_t i = alone; i < {examples}; i++) {{
        barrier(p); /* the memory is free again */
        example(p, r, i, r->arena);
    }}
}}

"""
