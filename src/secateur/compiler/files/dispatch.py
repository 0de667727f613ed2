"""How does a library choose the fastest code that its processor runs?"""

from secateur.compiler.targets import TARGETS, Target


def variants(target: Target) -> list[Target]:
    """The target itself, and those for which `model.c` is compiled as well, the lowest first."""
    return [target, *(TARGETS[name] for name in target.higher)]


def run_name(target: Target) -> str:
    """Of the run function that is for this kind of processor only."""
    return f"model_run_{target.name.replace('-', '_')}"


def dispatch(target: Target) -> str:
    """`dispatch.c`: `model_run` calls one of the variants."""
    lowest, *higher = variants(target)
    choices = [_CHOICE.format(asked=_asked(variant), run=run_name(variant)) for variant in higher[::-1]]
    names = ", ".join(run_name(variant) for variant in variants(target))
    return _TEXT.format(names=names, choices="".join(choices), lowest=run_name(lowest))


def _asked(variant: Target) -> str:
    return " && ".join(f'__builtin_cpu_supports("{feature}")' for feature in variant.features)


_CHOICE = """    if ({asked}) {{
        {run}(inputs, outputs, arena);
        return;
    }}
"""

_TEXT = """/* Chooses the fastest code that this processor runs. */
#include "model.h"

typedef void run_function(const void *const inputs[], void *const outputs[], void *arena);
extern run_function {names};

__attribute__((visibility("default"))) void model_run(const void *const inputs[], void *const outputs[],
                                                      void *arena) {{
    __builtin_cpu_init();
{choices}    {lowest}(inputs, outputs, arena);
}}
"""
