"""How does a network become C, and a library of this machine?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx_ir

from secateur.compiler.batch import split_
from secateur.compiler.build import build
from secateur.compiler.compiled import CompiledModel
from secateur.compiler.costs import Costs
from secateur.compiler.costs_file import costs_of, read_costs
from secateur.compiler.emit import Sources, emit
from secateur.compiler.kernels import KERNELS
from secateur.compiler.kernels.plain import PLAIN
from secateur.compiler.passes import PASSES
from secateur.compiler.program import lower
from secateur.compiler.shapes import fix_shapes_, pitches
from secateur.compiler.targets import Target, target_of
from secateur.network_file.read import read_graph

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["CompiledModel", "Sources", "compile", "sources_of"]


def compile(  # noqa: A001 - what everyone calls it
    model: "str | Path | nn.Module | onnx_ir.Model",
    *,
    example_inputs: "tuple[Tensor, ...] | None" = None,
    shapes: Mapping[str, Sequence[int]] | None = None,
    threads: int = 1,
    costs: str | Path | None = None,
) -> CompiledModel:
    """Compile a network for this machine.

    Args:
        model: a `.sct` or `.onnx` file, or a network with `example_inputs`.
        example_inputs: of a network, whose shapes are the compiled ones.
        shapes: input -> all its sizes, where the file leaves other sizes open than the batch, which is 1.
        threads: that share the work of each operator.
        costs: a file that `secateur calibrate --out` wrote; without it, what `secateur calibrate` has
            measured on this machine, or what is built in.

    Raises:
        ArtifactError, ExportError: the file or the network cannot be read as one graph.
        CompileError: an operator, a type or a shape is not one that can be compiled, no compiler is there, or
            `threads` is no number of threads.
    """
    target = target_of("native")
    known = read_costs(Path(costs)) if costs is not None else None
    sources = sources_of(_graph(model, example_inputs), target, shapes or {}, threads, known)
    return CompiledModel(build(sources, target), sources)


def sources_of(
    graph: onnx_ir.Model,
    target: Target,
    shapes: Mapping[str, Sequence[int]],
    threads: int = 1,
    costs: Costs | None = None,
    *,
    plain: bool = False,
    prefix: str = "",
) -> Sources:
    """The C files of a graph, which is changed on the way.

    Args:
        graph: as it was read.
        target: which processor it is for.
        shapes: as of `compile`.
        threads: as of `compile`.
        costs: of work on the target; those that are known of it where nothing is said.
        plain: whether products and convolutions are computed the plain way, which others are checked by.
        prefix: of the names of files and symbols, so that several networks fit into one program.

    Raises:
        CompileError: as of `compile`.
    """
    fix_shapes_(graph, shapes)
    examples = split_(graph)
    for change_ in PASSES:
        change_(graph)
    program = lower(graph, pitches(graph, target))
    kernels = {**KERNELS, **PLAIN} if plain else KERNELS
    return emit(program, target, costs or costs_of(target), threads, examples, kernels, prefix)


def _graph(model: Any, example_inputs: "tuple[Tensor, ...] | None") -> onnx_ir.Model:
    if isinstance(model, str | Path):
        return read_graph(Path(model))
    if isinstance(model, onnx_ir.Model):
        return onnx_ir.from_proto(onnx_ir.to_proto(model))
    if example_inputs is None:
        raise TypeError(
            "compile(model, example_inputs=...): a network is traced on an example of its inputs."
        )
    from secateur.graph.trace import trace  # imports torch, which files do without

    return trace(model, example_inputs, any_batch=False)
