"""How many multiply-adds and parameters does each operator of the graph take?

One unit: a multiply-add counts 1 (`torch.utils.flop_counter` counts 2). Counted are convolutions,
transposed ones too, and products of matrices: Gemm, MatMul, Einsum, Attention, and the gates of GRU, LSTM
and RNN. All else counts 0: activations, normalisation, additions, products of single elements, softmax,
pooling, resizing.

A count is of the dense operator: zeros, and what a mask or a shorter sequence makes superfluous, are counted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import TypeAlias

import onnx_ir

from secateur.errors import ExportError
from secateur.graph.values import WHOLE, Values

Shape: TypeAlias = Callable[[onnx_ir.Value | None], tuple[int, ...]]
"""The shape of a value that an operator reads or answers."""

MOVES = {
    *("Cast", "DequantizeLinear", "Expand", "Flatten", "Identity", "Reshape", "Slice", "Split", "Squeeze"),
    *("Tile", "Transpose", "Unsqueeze"),
}
"""Operators that answer the elements of their first input; the other inputs only say how."""
KIND = "pkg.torch.export.graph_signature.InputSpec.kind"
"""PyTorch's exporter writes here whether an initializer is a parameter, a buffer or a constant."""


@dataclass(frozen=True)
class Cost:
    """What one operator takes.

    Attributes:
        node: name of the node in the graph.
        op: its operator.
        multiply_adds: for the batch of the example.
        weights: names of the initializers it multiplies by, also where they are reshaped, turned, cut,
            joined or otherwise computed from initializers alone before.
        inputs: names of the values it multiplies that depend on the graph's inputs; of a recurrent
            layer the sequence, not the first state.
    """

    node: str
    op: str
    multiply_adds: int
    weights: tuple[str, ...]
    inputs: tuple[str, ...]


def costs(graph: onnx_ir.Model, values: Values) -> list[Cost]:
    """What each operator takes that takes anything, in the order of the graph; linear in its size.

    Raises:
        ExportError: a counted operator is in a branch, a loop or a function, or `values` of another graph.
    """
    _refuse_hidden(graph)
    origins = _origins(graph.graph)
    return [
        _cost(node, node.name or f"{node.op_type}_{index}", values, origins)
        for index, node in enumerate(graph.graph)
        if _counted(node)
    ]


def multiply_adds(graph: onnx_ir.Model, values: Values) -> int:
    """Of all operators together for one example, rounded down.

    The batch is the first axis of the graph's first input; errors are those of `costs`.
    """
    first = values.shapes[graph.graph.inputs[0].name or ""] if graph.graph.inputs else ()
    batch = first[0] if first else 1
    return sum(cost.multiply_adds for cost in costs(graph, values)) // max(batch, 1)


def parameters(graph: onnx_ir.Model) -> int:
    """Elements of the parameters that the graph reads; a tied one counts once.

    A graph that PyTorch did not export does not tell parameters from constants: there every initializer of
    floating point counts, but for the running statistics of BatchNormalization.
    """
    initializers = graph.graph.initializers.values()
    floats = [value for value in initializers if _tensor(value).dtype.is_floating_point()]
    if any(KIND in value.metadata_props for value in floats):
        counted = [value for value in floats if value.metadata_props.get(KIND) == "PARAMETER"]
    else:
        norms = [node for node in graph.graph if node.op_type == "BatchNormalization"]
        statistics = {value for node in norms for value in node.inputs[3:5]}
        counted = [value for value in floats if value not in statistics]
    return sum(_tensor(value).size for value in counted)


def _tensor(initializer: onnx_ir.Value) -> onnx_ir.TensorProtocol:
    assert initializer.const_value is not None, "an initializer has a value"
    return initializer.const_value


def _cost(
    node: onnx_ir.Node, name: str, values: Values, origins: dict[onnx_ir.Value, tuple[str, ...]]
) -> Cost:
    """Of a node that is counted."""

    def shape(value: onnx_ir.Value | None) -> tuple[int, ...]:
        wanted = value.name or "" if value is not None else ""
        if wanted not in values.shapes:
            raise ExportError(
                f"{name} reads {wanted!r}, whose shape is not known. Expected the Values of this very graph, "
                "as secateur.graph.values.look(graph, inputs) answers them."
            )
        return values.shapes[wanted]

    operands, count = COUNTED[node.op_type]
    multiplied = [value for value in node.inputs[:operands] if value is not None]
    weights = chain.from_iterable(origins.get(value, ()) for value in multiplied)
    inputs = (value.name or "" for value in multiplied if value not in origins)
    return Cost(
        name, node.op_type, count(node, shape), tuple(dict.fromkeys(weights)), tuple(dict.fromkeys(inputs))
    )


def _counted(node: onnx_ir.Node) -> bool:
    return node.op_type in COUNTED and not node.domain


def _refuse_hidden(graph: onnx_ir.Model) -> None:
    """Nobody knows how often a branch or the body of a loop runs, and nothing told the shapes inside."""
    for node in chain(graph.graph.all_nodes(), *(each.all_nodes() for each in graph.functions.values())):
        if _counted(node) and node.graph is not graph.graph:
            raise ExportError(
                f"A {node.op_type} ({node.name or 'unnamed'}) is inside a branch, a loop or a function, "
                "where its multiply-adds cannot be counted. Expected every layer in the graph itself: inline "
                "functions with onnx.inliner.inline_local_functions, and let no branch depend on data."
            )


def _origins(graph: onnx_ir.Graph) -> dict[onnx_ir.Value, tuple[str, ...]]:
    """Value -> the initializers it is computed from, for each that no input of the graph reaches.

    Whole numbers are left out: they are axes and sizes.
    """
    origins: dict[onnx_ir.Value, tuple[str, ...]] = {
        value: () if _tensor(value).dtype in WHOLE else (name,) for name, value in graph.initializers.items()
    }
    for node in graph:
        read = node.inputs[:1] if node.op_type in MOVES else node.inputs
        sources = [value for value in read if value is not None]
        if all(value in origins for value in sources):
            names = tuple(dict.fromkeys(chain.from_iterable(origins[value] for value in sources)))
            origins |= dict.fromkeys(node.outputs, names)
    return origins


def _conv(node: onnx_ir.Node, shape: Shape) -> int:
    """Each element of the answer is a sum over a kernel, (out, in / groups, *kernel)."""
    return prod(shape(node.outputs[0])) * prod(shape(node.inputs[1])[1:])


def _conv_transpose(node: onnx_ir.Node, shape: Shape) -> int:
    """Each element of the input goes through a kernel, (in, out / groups, *kernel)."""
    return prod(shape(node.inputs[0])) * prod(shape(node.inputs[1])[1:])


def _gemm(node: onnx_ir.Node, shape: Shape) -> int:
    inner = 0 if node.attributes.get_int("transA", 0) else 1
    return prod(shape(node.outputs[0])) * shape(node.inputs[0])[inner]


def _matmul(node: onnx_ir.Node, shape: Shape) -> int:
    return prod(shape(node.outputs[0])) * shape(node.inputs[0])[-1]


def _recurrent(node: onnx_ir.Node, shape: Shape) -> int:
    """Each step multiplies by all of (directions, gates * hidden, in) and (..., hidden)."""
    _, weight, recurrence = node.inputs[:3]
    return prod(shape(node.inputs[0])[:2]) * (prod(shape(weight)) + prod(shape(recurrence)))


def _attention(node: onnx_ir.Node, shape: Shape) -> int:
    """Each element of queries and of the answer meets each key; keys lie along the last axis but one."""
    past = node.inputs[4] if len(node.inputs) > 4 else None
    length = shape(node.inputs[1])[-2] + (shape(past)[-2] if past is not None else 0)
    return (prod(shape(node.inputs[0])) + prod(shape(node.outputs[0]))) * length


def _einsum(node: onnx_ir.Node, shape: Shape) -> int:
    """Operands are multiplied from left to right; an axis that only one of two has is summed before."""
    shapes = [shape(value) for value in node.inputs]
    terms, kept = _labels(node.attributes["equation"].as_string(), [len(each) for each in shapes])
    size: dict[str, int] = {}
    for term, each in zip(terms, shapes, strict=True):
        size |= {label: max(n, size.get(label, 1)) for label, n in zip(term, each, strict=True)}
    count, left = 0, set(terms[0])
    for index, right in enumerate(map(set, terms[1:]), start=2):
        later = kept.union(*terms[index:])
        count += prod(size[label] for label in (left & right) | ((left | right) & later))
        left = (left | right) & later
    return count


def _labels(equation: str, ranks: list[int]) -> tuple[list[str], set[str]]:
    """One letter for each axis of each operand, and the letters of the answer; axes of `...` are digits."""
    left, arrow, answer = equation.replace(" ", "").partition("->")
    terms = []
    for term, rank in zip(left.split(","), ranks, strict=True):
        named = len(term.replace("...", ""))
        terms.append(term.replace("...", "".join(str(axis) for axis in reversed(range(rank - named)))))
    letters = "".join(terms)
    digits = {label for label in letters if label.isdigit()}
    if not arrow:
        return terms, digits | {label for label in letters if letters.count(label) == 1}
    return terms, set(answer.replace("...", "")) | (digits if "..." in answer else set())


COUNTED: dict[str, tuple[int | None, Callable[[onnx_ir.Node, Shape], int]]] = {
    "Attention": (3, _attention),
    "Conv": (2, _conv),
    "ConvTranspose": (2, _conv_transpose),
    "Einsum": (None, _einsum),
    "GRU": (3, _recurrent),
    "Gemm": (2, _gemm),
    "LSTM": (3, _recurrent),
    "MatMul": (2, _matmul),
    "RNN": (3, _recurrent),
}
"""Operator -> how many of its inputs, the first ones, it multiplies (None: all), and how to count."""
