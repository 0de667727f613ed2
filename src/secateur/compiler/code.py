"""What does a kernel need to write the C of one step?"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.compiler.costs import Costs
from secateur.compiler.memory import Use
from secateur.compiler.program import C_TYPES, Op, Tensor
from secateur.compiler.targets import Target


@dataclass
class Weights:
    """All constants of a program, packed as its kernels read them; equal ones are stored once."""

    alignment: int
    blob: bytearray = field(default_factory=bytearray)
    notes: dict[int, str] = field(default_factory=dict)
    _known: dict[bytes, int] = field(default_factory=dict)

    def add(self, array: NDArray[Any], note: str) -> int:
        """The offset in bytes of these elements."""
        data = np.ascontiguousarray(array).tobytes()
        if data not in self._known:
            self.blob.extend(bytes(-len(self.blob) % self.alignment))
            self._known[data] = len(self.blob)
            self.notes[len(self.blob)] = note
            self.blob.extend(data)
        return self._known[data]


@dataclass
class Code:
    """The C of one step, while its kernel writes it.

    In the C, `x0`, `x1`, ... are pointers to the inputs, `y0`, ... to the outputs, `s` to scratch memory of
    this thread, `p` says which part of the work is this thread's; see `c/base.h`.

    Attributes:
        op: the operator.
        target: which processor it is for.
        weights: of the whole program.
        costs: of its processor.
        threads: that share the step.
        outside: names of the program's outputs, which the caller keeps.
        lines: of the function's body.
        headers: files of `c/` that are needed.
        scratch: bytes that each thread needs while the step runs.
        reuses: output -> input, by index, in whose place it may be computed. The other inputs lie elsewhere.
        elementwise: they may lie there, too: each element of the output is made of those at its own place.
        viewed: whether the output is the input under another shape, and nothing runs.
        form: how it is computed, for people, where a kernel has several ways: `dense`, `4x1 blocks`.
    """

    op: Op
    target: Target
    weights: Weights
    costs: Costs
    threads: int = 1
    outside: frozenset[str] = frozenset()
    lines: list[str] = field(default_factory=list)
    headers: set[str] = field(default_factory=set)
    scratch: int = 0
    reuses: tuple[int, int] | None = None
    elementwise: bool = False
    viewed: bool = False
    form: str = ""
    _constants: list[tuple[str, int]] = field(default_factory=list)

    def line(self, text: str) -> None:
        """Add a line to the body."""
        self.lines.append(text)

    def call(self, function: str, *arguments: object, header: str) -> None:
        """Call a function of `c/<header>.h`; its first argument is `p`."""
        self.headers.add(header)
        self.line(f"{function}({', '.join(['p', *map(literal, arguments)])});")

    def constant(self, array: NDArray[Any], note: str) -> str:
        """A pointer to these elements among the weights."""
        offset = self.weights.add(array, f"{self.op.name}: {note}")
        known = (
            C_TYPES.get(array.dtype.name, f"{array.dtype.name}_t"),
            offset,
        )
        if known not in self._constants:
            self._constants.append(known)
        return f"w{self._constants.index(known)}"

    def view(self) -> None:
        """The output has the input's elements in the same order; no code, unless the caller keeps either."""
        x, y = self.op.input(0), self.op.output
        if y.name in self.outside or x.array is not None:
            self.headers.add("base")
            self.line(f"copy(p, x0, y0, {x.nbytes});")
        else:
            self.viewed = True

    @property
    def use(self) -> Use:
        """Of memory, for the plan; scratch is for one thread."""
        reads = tuple(t.name for t in self.op.inputs if t is not None and t.array is None)
        writes = tuple(t for t in self.op.outputs if t is not None)
        if self.viewed:
            return Use(reads, writes, views={writes[0].name: reads[0]})
        reuses: dict[str, str] = {}
        if self.reuses is not None:
            y, x = self.op.outputs[self.reuses[0]], self.op.inputs[self.reuses[1]]
            if y is not None and x is not None and x.array is None:
                reuses = {y.name: x.name}
        return Use(reads, writes, self.scratch, reuses=reuses, elementwise=self.elementwise)

    def declarations(self, pointers: Mapping[str, str]) -> list[str]:
        """Of what the body names; `pointers` says where tensors are."""
        body = "\n".join(self.lines)
        lines = []
        for prefix, tensors, qualifier in (("x", self.op.inputs, "const "), ("y", self.op.outputs, "")):
            for index, tensor in enumerate(tensors):
                name = f"{prefix}{index}"
                if tensor is not None and _named(name, body):
                    lines.append(f"{qualifier}{tensor.c_type} *{name} = {self._place(tensor, pointers)};")
        for index, (c_type, offset) in enumerate(self._constants):
            lines.append(f"const {c_type} *w{index} = WEIGHTS({c_type}, {offset});")
        return lines

    def _place(self, tensor: Tensor, pointers: Mapping[str, str]) -> str:
        if tensor.array is not None:
            offset = self.weights.add(tensor.array, f"{self.op.name}: {tensor.name}")
            return f"WEIGHTS({tensor.c_type}, {offset})"
        return pointers[tensor.name]


def literal(value: object) -> str:
    """How C writes a number; text stands for itself."""
    if isinstance(value, bool | np.bool_):
        return str(int(value))
    if isinstance(value, float | np.floating):
        number = float(value)
        if np.isnan(number):
            return "NAN"
        if np.isinf(number):
            return "INFINITY" if number > 0 else "-INFINITY"
        text = repr(float(np.float32(number)))
        return f"{text}f"
    return str(value)


def _named(name: str, body: str) -> bool:
    """Whether the body uses this variable: as a whole word."""
    return re.search(rf"\b{name}\b", body) is not None
