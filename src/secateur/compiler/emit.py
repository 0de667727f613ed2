"""What are the C files of a compiled network?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources

from secateur.compiler.code import Code, Weights
from secateur.compiler.costs import Costs
from secateur.compiler.files.cmake import cmake
from secateur.compiler.files.dispatch import dispatch
from secateur.compiler.files.examples import arena_of_all
from secateur.compiler.files.header import header
from secateur.compiler.files.model import headers_of, model
from secateur.compiler.files.names import all_prefixed, check_prefix, prefixed
from secateur.compiler.files.sizes import Sizes
from secateur.compiler.files.weights import weights_files
from secateur.compiler.kernels import KERNELS, Kernel
from secateur.compiler.memory import ALIGNMENT, Use, plan, rounded
from secateur.compiler.program import Program, Tensor
from secateur.compiler.targets import Target
from secateur.errors import CompileError, did_you_mean

MOST_THREADS = 256


@dataclass(frozen=True)
class Step:
    """What one function of `model.c` computes.

    Attributes:
        function: its name.
        kind: of the operator.
        node: in the graph.
        form: of the kernel, such as `sparse`; empty where there is one way only.
    """

    function: str
    kind: str
    node: str
    form: str


@dataclass(frozen=True)
class Sources:
    """A compiled network before a C compiler sees it.

    Attributes:
        files: name -> content.
        inputs: of the network.
        outputs: of the network.
        sizes: of its memory.
        threads: that share the work.
        steps: in their order.
        prefix: of the names of files and symbols; empty where there is none.
    """

    files: Mapping[str, bytes]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    sizes: Sizes
    threads: int
    steps: tuple[Step, ...]
    prefix: str = ""

    @property
    def name(self) -> str:
        """Of the network: what its files and symbols are called."""
        return prefixed("model", self.prefix)


def emit(
    program: Program,
    target: Target,
    costs: Costs,
    threads: int = 1,
    examples: int = 1,
    kernels: Mapping[str, Kernel] = KERNELS,
    prefix: str = "",
) -> Sources:
    """Write every operator's step, and lay out memory and weights.

    Args:
        program: the operators.
        target: which processor it is for.
        costs: of its work, by which the fastest way is chosen.
        threads: that share the work: the examples, or else that of each step.
        examples: how often the program runs in a call, for one example of the inputs after the other.
        kernels: operator -> what writes its step.
        prefix: of the names of files and symbols.

    Raises:
        CompileError: an operator is not known, or is used in a way that its kernel does not know; or threads
            are asked for where there are none, or too few or too many; or the prefix is no word.
    """
    check_prefix(prefix)
    if not isinstance(threads, int) or not 1 <= threads <= MOST_THREADS:
        raise CompileError(f"threads = {threads}. Expected a whole number from 1 to {MOST_THREADS}.")
    if threads > 1 and not target.hosted:
        raise CompileError(
            f"The target {target.name} has no operating system, and so no threads: {threads} were asked for. "
            "Leave out --threads."
        )
    whole = _batched(program, examples)
    weights = Weights(ALIGNMENT if target.pitch > 1 else 8)
    outside = frozenset(t.name for t in program.outputs)
    codes = [Code(op, target, weights, costs, threads, outside) for op in program.ops]
    for code in codes:
        _write(code, kernels)
    elsewhere = outside | {t.name for t in program.inputs}
    layout = plan([_threaded(code, threads) for code in codes], elsewhere)
    # this adds constants that its steps name to the weights
    text = model(program, codes, layout, target, threads, examples)
    sizes = Sizes(
        weights=len(weights.blob),
        arena=arena_of_all(layout.size, threads, examples),
        inputs=sum(t.nbytes for t in whole.inputs),
        outputs=sum(t.nbytes for t in whole.outputs),
    )
    constants = weights_files(weights, target)
    ran = [code for code in codes if not code.viewed]
    files = {
        "model.c": text.encode(),
        "model.h": header(whole, sizes, threads).encode(),
        **({"dispatch.c": dispatch(target).encode()} if target.higher else {}),
        **constants,
        **_kernel_files(headers_of(ran, threads)),
        "CMakeLists.txt": cmake(target, threads, binary="weights.bin" in constants).encode(),
        "sizes.json": sizes.to_json(),
    }
    steps = tuple(Step(f"step_{i}", c.op.kind, c.op.name, c.form) for i, c in enumerate(ran))
    files = all_prefixed(files, prefix)
    return Sources(files, whole.inputs, whole.outputs, sizes, threads, steps, prefix)


def _batched(program: Program, examples: int) -> Program:
    """As the caller sees it: with inputs and outputs of all examples."""
    if examples == 1:
        return program
    inputs, outputs = (
        tuple(replace(t, shape=(examples, *t.shape[1:])) for t in tensors)
        for tensors in (program.inputs, program.outputs)
    )
    return replace(program, inputs=inputs, outputs=outputs)


def _write(code: Code, kernels: Mapping[str, Kernel]) -> None:
    op = code.op
    if op.kind not in kernels:
        raise CompileError(
            f"The operator {op.kind} (node {op.name!r}) is not one that secateur compiles."
            f"{did_you_mean(op.kind, kernels)} `docs/operators.md` lists those; write the network with "
            "them, or run it in ONNX Runtime."
        )
    kernels[op.kind](code)


def _threaded(code: Code, threads: int) -> Use:
    use = code.use
    return replace(use, scratch=threads * rounded(use.scratch))


def _kernel_files(headers: Sequence[str]) -> dict[str, bytes]:
    """The named files of `c/`, and those that they include."""
    folder = resources.files("secateur.compiler") / "c"
    found: dict[str, bytes] = {}
    wanted = [f"{header}.h" for header in headers]
    while wanted:
        name = wanted.pop()
        if f"kernels/{name}" not in found:
            content = (folder / name).read_bytes()
            found[f"kernels/{name}"] = content
            lines = content.decode().splitlines()
            wanted += [line.split('"')[1] for line in lines if line.startswith('#include "')]
    return dict(sorted(found.items()))
