"""Which nodes are a GRU, an LSTM or an RNN as PyTorch has them: of several layers, with the batch first?

PyTorch's exporter writes each layer by itself on (steps, batch, features), and turns its outputs, which ONNX
has as (steps, directions, batch, features).
"""

import re
from typing import NamedTuple

import onnx_ir

from secateur.emit.rewrites.match import Value, made_by, put_, rank, read_by, remove_, stored, take_place_

KINDS = ("GRU", "LSTM", "RNN")
SHAPING = ("Slice", "Unsqueeze", "Squeeze", "Reshape", "Concat", "Transpose")
FILLING = ("Slice", "Unsqueeze", "Squeeze", "Reshape", "Transpose", "Expand")
SWAPPED = (1, 0, 2)


class Origin(NamedTuple):
    """What the name of a weight says: `rnn.weight_ih_l1` is of layer 1 of `rnn`."""

    module: str
    layer: int


def origin(weight: Value | None) -> Origin | None:
    """Of a layer's weight; None where no module of PyTorch names it so."""
    source = stored(weight, *SHAPING)
    found = re.fullmatch(
        r"(.*?)\.?weight_ih_l(\d{1,4})(_reverse)?", "" if source is None else source.name or ""
    )
    return None if found is None else Origin(found[1], int(found[2]))


def join_layer_(node: onnx_ir.Node) -> bool:
    """Put Recurrent (x, h, c, then weights of the input, weights of the state and biases of each layer)."""
    if node.op_type not in KINDS or not _usual(node):
        return False
    given = [*node.inputs, *[None] * 7][:7]
    states = [None if value is None or _zero(value) else value for value in given[5:]]
    both = node.attributes.get_string("direction", "forward") == "bidirectional"
    kept: dict[str, int | str] = {"kind": node.op_type, "directions": 1 + both, "layers": 1, "batch_first": 0}
    new = put_(node, "Recurrent", [given[0], *states, *given[1:4]], kept, outputs=3)
    for value, name in zip(new.outputs, ("sequence", "state", "cell"), strict=True):
        value.name = value.name or f"{new.name} {name}"
    _turn_(new.outputs[0], 1 + both)
    return True


def join_layers_(node: onnx_ir.Node) -> bool:
    """Let one node be all layers of a module, where the exporter's nodes are just that."""
    if node.op_type != "Recurrent":
        return False
    chain = [node]
    while (after := read_by(chain[-1].outputs[0], "Recurrent")) and _follows(chain[-1], after):
        chain.append(after)
    states = [_joined([layer.outputs[index] for layer in chain]) for index in (1, 2)]
    if len(chain) == 1 or any(joined is None for joined in states):
        return False
    weights = [value for layer in chain for value in layer.inputs[3:]]
    attributes = {name: attribute.value for name, attribute in node.attributes.items()} | {
        "layers": len(chain)
    }
    new = put_(chain[-1], "Recurrent", [node.inputs[0], None, None, *weights], attributes, outputs=3)
    for value, joined in zip(new.outputs[1:], states, strict=True):
        concat = None if joined is None else joined.producer()
        if joined is not None and concat is not None and concat not in chain:
            take_place_(value, joined)
            remove_(concat)
    return True


def join_batch_first_(node: onnx_ir.Node) -> bool:
    """Without the transposes around a node that turn its batch to the front."""
    if node.op_type != "Recurrent":
        return False
    before, after = made_by(node.inputs[0], "Transpose"), read_by(node.outputs[0], "Transpose")
    read = bool(node.outputs[0].uses()) or node.outputs[0].is_graph_output()
    if before is None or _order(before) != SWAPPED or (read and _order(after) != SWAPPED):
        return False
    node.replace_input_with(0, before.inputs[0])
    remove_(before)
    node.attributes["batch_first"] = onnx_ir.AttrInt64("batch_first", 1)
    if after is not None:
        take_place_(node.outputs[0], after.outputs[0])
        remove_(after)
    return True


def _usual(node: onnx_ir.Node) -> bool:
    """Whether PyTorch's module computes just that."""
    attributes, inputs = node.attributes, [*node.inputs, *[None] * 8]
    activations = list(attributes.get_strings("activations", ()))
    usual = {"GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"], "RNN": ["Tanh"]}[node.op_type]
    return (
        attributes.get_string("direction", "forward") in ("forward", "bidirectional")
        and activations in ([], usual, usual * 2)
        and not any(name in attributes for name in ("clip", "activation_alpha", "activation_beta"))
        and attributes.get_int("layout", 0) == attributes.get_int("input_forget", 0) == 0
        and (node.op_type != "GRU" or attributes.get_int("linear_before_reset", 0) == 1)
        and inputs[4] is None
        and inputs[7] is None
    )


def _zero(value: Value) -> bool:
    """Whether a state is nothing but zeros, which PyTorch's modules start with anyway."""
    source = stored(value, *FILLING)
    return source is not None and source.const_value is not None and not source.const_value.numpy().any()


def _turn_(sequence: Value, directions: int) -> None:
    """Let PyTorch's (steps, batch, directions * features) be read where the exporter made it of ONNX's."""
    turned = read_by(sequence, "Transpose")
    last = None if turned is None else read_by(turned.outputs[0], "Reshape")
    squeezed = read_by(sequence, "Squeeze") if directions == 1 else None
    end = squeezed if last is None or _order(turned) != (0, 2, 1, 3) else last
    if end is not None and rank(end.outputs[0]) == 3:
        take_place_(sequence, end.outputs[0])
        remove_(end)
    elif sequence.uses() or sequence.is_graph_output():
        _split_directions_(sequence, directions)


def _split_directions_(sequence: Value, directions: int) -> None:
    """Make ONNX's output of PyTorch's, for what reads it as it is."""
    producer = sequence.producer()
    assert producer is not None, "a sequence is computed"
    assert producer.graph is not None, "by a node of the graph"
    attributes = onnx_ir.convenience.convert_attributes({"directions": directions})
    split = onnx_ir.Node("", "Directions", [], attributes, num_outputs=1)
    producer.graph.insert_after(producer, split)
    take_place_(split.outputs[0], sequence)
    sequence.name = f"{producer.name} sequence"
    split.resize_inputs(1)
    split.replace_input_with(0, sequence)


def _follows(first: onnx_ir.Node, second: onnx_ir.Node) -> bool:
    """Whether the second is the next layer of the same module; both start with zeros."""
    a, b = origin(first.inputs[3]), origin(second.inputs[3])
    alike = all(first.attributes[n].value == second.attributes[n].value for n in ("kind", "directions"))
    zeros = all(value is None for layer in (first, second) for value in layer.inputs[1:3])
    return alike and zeros and a is not None and b == Origin(a.module, a.layer + 1)


def _joined(states: list[Value]) -> Value | None:
    """The last states of all layers in one value; the last layer's if nothing reads any; None for neither."""
    if not any(state.uses() or state.is_graph_output() for state in states):
        return states[-1]
    joined = read_by(states[0], "Concat")
    whole = joined is not None and list(joined.inputs) == states and joined.attributes.get_int("axis", 0) == 0
    once = all(len(state.uses()) == 1 and not state.is_graph_output() for state in states)
    return joined.outputs[0] if joined is not None and whole and once else None


def _order(node: onnx_ir.Node | None) -> tuple[int, ...]:
    return () if node is None else tuple(map(int, node.attributes.get_ints("perm", ())))
