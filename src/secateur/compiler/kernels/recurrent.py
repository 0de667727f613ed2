"""How does a recurrent layer go from step to step?

The products of its inputs are those of a Gemm in front, which `passes/recurrent.py` made. What is left
waits for the step before, and has no place for a barrier: each direction is the work of one thread.
"""

from dataclasses import dataclass

import numpy as np

from secateur.compiler.code import Code
from secateur.compiler.kernels.matrix import Call, Layer, multiply
from secateur.compiler.kernels.matrix_formats import Floats
from secateur.compiler.memory import ALIGNMENT
from secateur.compiler.program import Op

ACTIVATIONS = {
    "GRU": ("Sigmoid", "Tanh"),
    "LSTM": ("Sigmoid", "Tanh", "Tanh"),
    "RNN": ("Tanh",),
}


@dataclass(frozen=True)
class Sizes:
    """Of a layer; `x` are sums of the gates, of all directions side by side."""

    steps: int
    batch: int
    directions: int
    gates: int
    hidden: int

    @property
    def state(self) -> int:
        """Elements of one direction's state."""
        return self.batch * self.hidden

    @property
    def x_row(self) -> int:
        """Elements from one row of the batch to the next."""
        return self.directions * self.gates * self.hidden


def gru(code: Code) -> None:
    """Constant weights, all directions, both places of the reset; ONNX's own activations; full sequences."""
    sizes = _sizes(code.op, 3)
    after = bool(code.op.get("linear_before_reset", 0))
    step = _reset_after if after else _reset_before
    _run(code, sizes, [step(code, sizes, direction) for direction in range(sizes.directions)])


def lstm(code: Code) -> None:
    """Constant weights, all directions; ONNX's own activations; full sequences; no peepholes."""
    op, sizes = code.op, _sizes(code.op, 4)
    if op.optional(7) is not None:
        raise op.refused("has peepholes (input 7)")
    gates = f"lstm_step(x, {sizes.x_row}, u, h, c, {sizes.batch}, {sizes.hidden});"
    products = [_product(code, sizes, weight) for weight in _weights(op)]
    _run(code, sizes, [[product("alone", "h", "u"), gates] for product in products])


def rnn(code: Code) -> None:
    """Constant weights, all directions; Tanh or Relu; full sequences."""
    op, sizes = code.op, _sizes(code.op, 1)
    kinds: tuple[str, ...] = _activations(op) or ("Tanh",) * sizes.directions
    steps = []
    for weight, kind in zip(_weights(op), kinds, strict=True):
        product = _product(code, sizes, weight)
        last = f"rnn_step_{kind.lower()}(x, {sizes.x_row}, u, h, {sizes.batch}, {sizes.hidden});"
        steps.append([product("alone", "h", "u"), last])
    _run(code, sizes, steps)


def _reset_after(code: Code, sizes: Sizes, direction: int) -> list[str]:
    """The reset gate is applied to the product."""
    product = _product(code, sizes, _weights(code.op)[direction], _state_bias(code.op, direction, sizes))
    gates = f"gru_step(x, {sizes.x_row}, u, h, {sizes.batch}, {sizes.hidden});"
    return [product("alone", "h", "u"), gates]


def _reset_before(code: Code, sizes: Sizes, direction: int) -> list[str]:
    """The reset gate is applied to the state, which is then multiplied."""
    weight, split = _weights(code.op)[direction], 2 * sizes.hidden
    first, second = (_product(code, sizes, part) for part in (weight[:split], weight[split:]))
    new, reset = f"(u + {2 * sizes.state})", f"(u + {3 * sizes.state})"
    ends = f"{sizes.batch}, {sizes.hidden});"
    return [
        first("alone", "h", "u"),
        f"gru_reset(x, {sizes.x_row}, u, h, {reset}, {ends}",
        second("alone", reset, new),
        f"gru_update(x, {sizes.x_row}, u, {new}, h, {ends}",
    ]


def _sizes(op: Op, gates: int) -> Sizes:
    """After what is not compiled is refused."""
    if op.optional(1) is not None:
        raise op.refused("computes its weights from the data, or their bias")
    if op.get("layout", 0):
        raise op.refused("has the batch in front (layout 1)")
    if op.get("clip", None) is not None or op.get("input_forget", 0):
        raise op.refused("clips its sums, or couples its gates")
    _full(op)
    given, own = _activations(op), ACTIVATIONS[op.kind]
    relu = op.kind == "RNN" and "Relu" in given
    known = set(given) <= {"Tanh", "Relu"} if relu else given == own * (len(given) // len(own))
    if not known:
        raise op.refused(f"has the activations {', '.join(given)}")
    steps, batch, _ = op.input(0).shape
    directions, _, hidden = op.constant(2).shape
    return Sizes(steps, batch, directions, gates, hidden)


def _activations(op: Op) -> tuple[str, ...]:
    given: tuple[str | bytes, ...] = op.get("activations", ())
    return tuple(kind if isinstance(kind, str) else kind.decode() for kind in given)


def _full(op: Op) -> None:
    """Sequences of other lengths are refused."""
    lengths = op.optional(4)
    if lengths is not None and (lengths.array is None or (lengths.array != op.input(0).shape[0]).any()):
        raise op.refused("has sequences of several lengths (sequence_lens)")


def _state_bias(op: Op, direction: int, sizes: Sizes) -> Floats | None:
    if op.optional(3) is None:
        return None
    bias: Floats = op.constant(3)[direction].astype(np.float32)
    return bias[sizes.gates * sizes.hidden :]


def _weights(op: Op) -> Floats:
    """(directions, outputs, hidden)."""
    weights: Floats = op.constant(2).astype(np.float32)
    return weights


def _product(code: Code, sizes: Sizes, weight: Floats, bias: Floats | None = None) -> Call:
    """State times weight."""
    c = ("NULL", (0, 0)) if bias is None else (code.constant(bias, "bias of the state"), (0, 1))
    return multiply(code, Layer(weight, sizes.batch, (sizes.hidden, 1), (len(weight), 1), c))


def _run(code: Code, sizes: Sizes, steps: list[list[str]]) -> None:
    """The loops of each direction; state h, cell c and sums u lie behind the scratch of the products."""
    code.headers.add("recurrent")
    room = -(-code.scratch // ALIGNMENT) * ALIGNMENT
    code.scratch = room + 4 * (2 + sizes.gates + 1) * sizes.state
    code.line("const part_t alone = {0, 1};")
    code.line(f"float *h = (float *)(void *)(s + {room}), *c = h + {sizes.state}, *u = c + {sizes.state};")
    for direction, step in enumerate(steps):
        code.line(f"if (p.index == {direction} % p.count) {{")
        for text in _direction(code.op, sizes, direction, step):
            code.line("    " + text)
        code.line("}")
    code.line("(void)alone, (void)c;")


def _direction(op: Op, sizes: Sizes, direction: int, step: list[str]) -> list[str]:
    """From the first state to the last."""
    state, steps, start = sizes.state, sizes.steps, direction * sizes.state
    backwards = op.get("direction", "forward") == "reverse" or direction == 1
    x = f"x0 + (ptrdiff_t)t * {sizes.batch * sizes.x_row} + {direction * sizes.gates * sizes.hidden}"
    lines = [_copied(op, 5, "h", start, state), _copied(op, 6, "c", start, state)]
    lines += [
        f"for (int i = 0; i < {steps}; i++) {{",
        f"    const int t = {f'{steps - 1} - i' if backwards else 'i'};",
        f"    const float *x = {x};",
        *(f"    {text}" for text in step),
    ]
    if op.outputs[0] is not None:
        place = f"y0 + ((ptrdiff_t)t * {sizes.directions} + {direction}) * {state}"
        lines.append(f"    memcpy({place}, h, {4 * state});")
    lines.append("}")
    for index, name in ((1, "h"), (2, "c")):
        if index < len(op.outputs) and op.outputs[index] is not None:
            lines.append(f"memcpy(y{index} + {start}, {name}, {4 * state});")
    return lines


def _copied(op: Op, index: int, name: str, start: int, state: int) -> str:
    """What the state begins with."""
    if op.optional(index) is None:
        return f"memset({name}, 0, {4 * state});"
    return f"memcpy({name}, x{index} + {start}, {4 * state});"
