"""How are recurrent layers written?

secateur.emit.rewrites finds them in the exporter's pieces.
"""

from collections.abc import Callable

import numpy as np
import onnx_ir

from secateur.emit import identifiers
from secateur.emit.attributes import Array, Weight
from secateur.emit.expressions import Argument, Expr, Variable, call, heavy, layer, method
from secateur.emit.rewrites.match import stored
from secateur.emit.rewrites.recurrent import SHAPING, origin
from secateur.emit.site import Several, Site

GATES = {"RNN": (0,), "GRU": (1, 0, 2), "LSTM": (0, 2, 3, 1)}
"""Where PyTorch's gates are among ONNX's: GRU (z, r, n) -> (r, z, n), LSTM (i, o, f, g) -> (i, f, g, o)."""
DEEPEST = 12  # nodes between a parameter and the layer that reads it


def recurrent(site: Site) -> Several:
    """One module of one or more layers; it answers the sequence and the last states."""
    node, attributes = site.node, site.node.attributes
    kind, layers = attributes.get_string("kind", ""), attributes.get_int("layers", 1)
    arrays = [None if value is None else _numbers(site, value) for value in node.inputs[3:]]
    arrays += [None] * (3 * layers - len(arrays))  # a pass may drop inputs at the end that are not there
    weights: dict[str, Weight] = {}
    for index in range(layers):
        weights |= _weights(GATES[kind], index, *arrays[3 * index : 3 * index + 3])
    first = weights["weight_ih_l0"].array
    options: dict[str, Argument] = {"num_layers": layers} if layers > 1 else {}
    options |= {} if "bias_ih_l0" in weights else {"bias": False}
    options |= {"batch_first": True} if attributes.get_int("batch_first", 0) else {}
    options |= {"bidirectional": True} if attributes.get_int("directions", 1) == 2 else {}
    code = call(f"nn.{kind}", first.shape[1], first.shape[0] // len(GATES[kind]), **options)
    path = site.book.attributes.new_layer(_path(site, kind, layers), code, weights)
    sequence, state, cell = (Variable(value.name or "") for value in node.outputs)
    answer = heavy(layer(path, site.tensor(0), *_states(site, kind)))
    return Several(answer, (sequence, (state, cell) if kind == "LSTM" else state))


def _states(site: Site, kind: str) -> list[Argument]:
    """The states that it starts with, where they are not zeros."""
    given = [site.optional(1), site.optional(2)][: 2 if kind == "LSTM" else 1]
    states = [state for state in given if state is not None]
    if len(states) not in (0, len(given)):
        site.refuse("it starts with one of its two states")
    return [tuple(states) if kind == "LSTM" else states[0]] if states else []


def _path(site: Site, kind: str, layers: int) -> tuple[str, ...]:
    found, source = origin(site.node.inputs[3]), stored(site.node.inputs[3], *SHAPING)
    if found is None:
        return (identifiers.unnamed((source.name if source else "") or kind),)
    *way, last = identifiers.path(found.module or kind.lower())
    return *way, last if layers > 1 or found.layer == 0 else f"{last}_l{found.layer}"


def _weights(
    gates: tuple[int, ...], index: int, inputs: Array | None, state: Array | None, biases: Array | None
) -> dict[str, Weight]:
    """PyTorch's tensors of one layer, of ONNX's (directions, gates * hidden, ...)."""
    assert inputs is not None, "a recurrent node has weights for its input"
    assert state is not None, "and for its state"
    tensors = {"weight_ih": inputs, "weight_hh": state}
    if biases is not None:
        tensors["bias_ih"], tensors["bias_hh"] = np.split(biases, 2, axis=1)
    return {
        f"{name}_l{index}{suffix}": Weight(_in_order(gates, array[direction]))
        for direction, suffix in enumerate(("", "_reverse")[: len(inputs)])
        for name, array in tensors.items()
    }


def _in_order(gates: tuple[int, ...], array: Array) -> Array:
    parts = np.split(array, len(gates))
    return np.concatenate([parts[gate] for gate in gates])


def _numbers(site: Site, value: onnx_ir.Value, depth: int = 0) -> Array:
    """What a weight is that the exporter put together from parameters."""
    array = site.book.attributes.initializers.get(value.name or "")
    if array is not None:
        return array
    node = value.producer()
    if node is None or node.domain or depth == DEEPEST:
        return site.refuse("its weights are computed from data")
    parts = [
        _numbers(site, part, depth + 1)
        for part in node.inputs[: None if node.op_type == "Concat" else 1]
        if part
    ]
    there = Site(node, site.book)
    match node.op_type:
        case "Concat":
            return np.concatenate(parts, axis=there.axis(0))
        case "Unsqueeze":
            return np.expand_dims(parts[0], there.ints(1, "axes") or ())
        case "Slice":
            starts, ends, axes = (there.ints(index) or (0,) for index in (1, 2, 3))
            return parts[0][(*[slice(None)] * axes[0], slice(starts[0], ends[0]))]
        case _:
            return site.refuse(f"its weights are computed with {node.op_type}")


def directions(site: Site) -> Expr:
    """The directions on an axis of their own, as ONNX has them."""
    parts = method(site.tensor(0), "unflatten", -1, (site.node.attributes.get_int("directions", 1), -1))
    return method(parts, "transpose", 1, 2)


def unusual(site: Site) -> Expr:
    """What the rewrites left is not what PyTorch's modules compute."""
    return site.refuse(
        "PyTorch's module of that name has no clipping, no sequence lengths, no activations of one's own, no "
        "backward direction alone, and resets a GRU's state after the product (linear_before_reset = 1)"
    )


RULES: dict[str, Callable[[Site], Expr | Several]] = {
    "Recurrent": recurrent,
    "Directions": directions,
    **dict.fromkeys(GATES, unusual),
}
