"""How is a pattern of nodes found, and put as one node?

Nodes that are made here have operators that ONNX does not have: the graph is read once more, to be written.
"""

from collections.abc import Mapping, Sequence

import onnx_ir

Value = onnx_ir.Value


def number(value: Value | None) -> float | None:
    """The number in a constant of one element."""
    if value is None or value.const_value is None or value.const_value.size != 1:
        return None
    return float(value.const_value.numpy().reshape(-1)[0])


def made_by(value: Value | None, *operators: str) -> onnx_ir.Node | None:
    """The node that computes a value for one reader only, if it is one of these operators."""
    if value is None or value.is_graph_output() or len(value.uses()) != 1:
        return None
    node = value.producer()
    return node if node is not None and not node.domain and node.op_type in operators else None


def read_by(value: Value, *operators: str) -> onnx_ir.Node | None:
    """The only reader of a value, if it is one of these operators."""
    uses = list(value.uses())
    if value.is_graph_output() or len(uses) != 1:
        return None
    node = uses[0].node
    return node if not node.domain and node.op_type in operators else None


def other(node: onnx_ir.Node, value: Value | None) -> Value | None:
    """Of two inputs, the one that is not `value`."""
    first, second = node.inputs
    return second if first is value else first


def stored(value: Value | None, *through: str) -> Value | None:
    """The initializer that a value is, or is made of by nodes of these operators, which only shape it."""
    while value is not None and value.const_value is None:
        node = value.producer()
        if node is None or node.op_type not in through:
            return None
        value = node.inputs[0]
    return value


def rank(value: Value) -> int | None:
    """The number of axes; None where it is not known."""
    return None if value.shape is None else len(value.shape)


def put_(
    node: onnx_ir.Node,
    operator: str,
    inputs: Sequence[Value | None],
    attributes: Mapping[str, int | float | str | Sequence[int]] | None = None,
    outputs: int = 1,
) -> onnx_ir.Node:
    """Let a new node compute what `node` did, which goes with all that nothing else reads."""
    made = onnx_ir.convenience.convert_attributes(attributes or {})
    new = onnx_ir.Node("", operator, inputs, made, num_outputs=outputs, name=node.name)
    assert node.graph is not None, "only nodes of a graph are replaced"
    node.graph.insert_before(node, new)
    for old, value in zip(node.outputs, new.outputs, strict=False):
        take_place_(value, old)
    remove_(node)
    return new


def take_place_(new: Value, old: Value) -> None:
    """Let a value be read wherever another was, under its name."""
    name, new.shape, new.type = old.name, old.shape, old.type
    old.replace_all_uses_with(new, replace_graph_outputs=True)
    old.name, new.name = None, name


def remove_(node: onnx_ir.Node) -> None:
    """Remove a node that nothing reads, and then what only it read."""
    todo = [node]
    while todo:
        dead = todo.pop()
        if dead.graph is None or any(value.uses() or value.is_graph_output() for value in dead.outputs):
            continue
        todo += [made for value in dead.inputs if value is not None and (made := value.producer())]
        dead.graph.remove(dead, safe=True)
