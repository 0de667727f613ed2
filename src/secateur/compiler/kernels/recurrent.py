"""How does a recurrent layer go from step to step?

The products of its inputs are those of a Gemm in front, which `passes/recurrent.py` made. What is left
waits for the step before. Where a step is work enough, all threads share it and wait for one another within;
else each direction is the work of one thread.
"""

from dataclasses import dataclass

import numpy as np

from secateur.compiler.code import Code
from secateur.compiler.kernels.matrix import Call, Layer, multiply
from secateur.compiler.kernels.matrix_formats import Floats
from secateur.compiler.memory import rounded
from secateur.compiler.program import Op

ACTIVATIONS = {
    "GRU": ("Sigmoid", "Tanh"),
    "LSTM": ("Sigmoid", "Tanh", "Tanh"),
    "RNN": ("Tanh",),
}
RNN_STEPS = {"Relu": "rnn_step_relu", "Tanh": "rnn_step_tanh"}
BACKWARDS = {"bidirectional": False, "forward": False, "reverse": True}
SHARED = 1 << 14
"""Products of two numbers in a step from which on it is worth two to four barriers."""
Step = list[str]
"""Lines of C, each of which waits for the one before; `who` says which part of the work is this thread's."""


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
    gates = f"lstm_step(who, x, {sizes.x_row}, u, h, c, {sizes.batch}, {sizes.hidden});"
    products = [_product(code, sizes, weight) for weight in _weights(op)]
    _run(code, sizes, [[product("who", "h", "u"), gates] for product in products])


def rnn(code: Code) -> None:
    """Constant weights, all directions; Tanh or Relu; full sequences."""
    op, sizes = code.op, _sizes(code.op, 1)
    kinds = _activations(op) or ("Tanh",) * sizes.directions
    steps = []
    for weight, kind in zip(_weights(op), kinds, strict=True):
        product = _product(code, sizes, weight)
        last = f"{RNN_STEPS[kind]}(who, x, {sizes.x_row}, u, h, {sizes.batch}, {sizes.hidden});"
        steps.append([product("who", "h", "u"), last])
    _run(code, sizes, steps)


def _reset_after(code: Code, sizes: Sizes, direction: int) -> list[str]:
    """The reset gate is applied to the product."""
    product = _product(code, sizes, _weights(code.op)[direction], _state_bias(code.op, direction, sizes))
    gates = f"gru_step(who, x, {sizes.x_row}, u, h, {sizes.batch}, {sizes.hidden});"
    return [product("who", "h", "u"), gates]


def _reset_before(code: Code, sizes: Sizes, direction: int) -> list[str]:
    """The reset gate is applied to the state, which is then multiplied."""
    weight, split = _weights(code.op)[direction], 2 * sizes.hidden
    first, second = (_product(code, sizes, part) for part in (weight[:split], weight[split:]))
    new, reset = f"(u + {2 * sizes.state})", f"(u + {3 * sizes.state})"
    ends = f"{sizes.batch}, {sizes.hidden});"
    return [
        first("who", "h", "u"),
        f"gru_reset(who, x, {sizes.x_row}, u, h, {reset}, {ends}",
        second("who", reset, new),
        f"gru_update(who, x, {sizes.x_row}, u, {new}, h, {ends}",
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
    steps, batch, _ = op.input(0).shape
    directions, _, hidden = op.constant(2).shape
    given, own = _activations(op), ACTIVATIONS[op.kind] * directions
    known = given in ((), own) or (op.kind == "RNN" and len(given) == directions and {*given} <= {*RNN_STEPS})
    if not known:
        raise op.refused(f"has the activations {', '.join(given)}")
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


def _run(code: Code, sizes: Sizes, steps: list[Step]) -> None:
    """The loops over the steps; state h, cell c and sums u lie behind the scratch of the products."""
    code.headers.add("recurrent")
    each = (2 + sizes.gates + 1) * sizes.state  # floats of a direction
    work = sizes.batch * sum(int(np.count_nonzero(weight)) for weight in _weights(code.op))
    shared = code.threads > 1 and work >= SHARED
    room = rounded(code.scratch)
    code.scratch = room + 4 * each * (sizes.directions if shared else 1)
    if shared:
        code.line("const part_t who = p;")
        code.line(f"char *first = s - (size_t)p.index * {rounded(code.scratch)}; /* the first thread's */")
        places = [_places("first", room + 4 * each * direction, sizes) for direction in range(len(steps))]
        _together(code, sizes, steps, places)
        return
    code.line("const part_t who = {0, 1};")
    code.line(_places("s", room, sizes))
    for direction, step in enumerate(steps):
        code.line(f"if (p.index == {direction} % p.count) {{")
        for text in _direction(code.op, sizes, direction, step):
            code.line("    " + text)
        code.line("}")
    code.line("(void)who, (void)c;")


def _places(memory: str, start: int, sizes: Sizes) -> str:
    """Of the state, the cell and the sums of a direction."""
    state = sizes.state
    return f"float *h = (float *)(void *)({memory} + {start}), *c = h + {state}, *u = c + {state};"


def _direction(op: Op, sizes: Sizes, direction: int, step: Step) -> list[str]:
    """From the first state to the last."""
    lines = [*_begin(op, sizes, direction), f"for (int i = 0; i < {sizes.steps}; i++) {{"]
    texts = (*_time(op, sizes, direction), *step, _kept(op, sizes, direction))
    lines += [f"    {text}" for text in filter(None, texts)]
    return [*lines, "}", *_end(op, sizes, direction)]


def _together(code: Code, sizes: Sizes, steps: list[Step], places: list[str]) -> None:
    """All threads compute a part of each line, in all directions."""
    op, every = code.op, range(len(steps))

    def alike(lines: list[list[str]], alone: bool) -> None:
        """One block for each direction, which a thread computes alone or all of them share."""
        for direction, (texts, place) in enumerate(zip(lines, places, strict=True)):
            code.line(f"{f'if (p.index == {direction} % p.count) ' if alone else ''}{{")
            for text in filter(None, (place, *texts, "(void)c, (void)u;")):
                code.line("    " + text)
            code.line("}")

    alike([_begin(op, sizes, d) for d in every], alone=True)
    code.line("barrier(p);")
    code.line(f"for (int i = 0; i < {sizes.steps}; i++) {{")
    for lines in zip(*steps, strict=True):
        alike([[*_time(op, sizes, d), line, "(void)x;"] for d, line in enumerate(lines)], alone=False)
        code.line("barrier(p);")
    alike([[*_time(op, sizes, d), _kept(op, sizes, d), "(void)x;"] for d in every], alone=True)
    code.line("}")
    alike([_end(op, sizes, d) for d in every], alone=True)


def _begin(op: Op, sizes: Sizes, direction: int) -> list[str]:
    """The first state."""
    return [
        _copied(op, index, name, direction * sizes.state, sizes.state) for index, name in ((5, "h"), (6, "c"))
    ]


def _time(op: Op, sizes: Sizes, direction: int) -> list[str]:
    """The place in the sequence, and the sums of its inputs."""
    backwards = op.choice("direction", BACKWARDS, "forward") or direction == 1
    start = f"(ptrdiff_t)t * {sizes.batch * sizes.x_row} + {direction * sizes.gates * sizes.hidden}"
    return [
        f"const int t = {f'{sizes.steps - 1} - i' if backwards else 'i'};",
        f"const float *x = x0 + {start};",
    ]


def _kept(op: Op, sizes: Sizes, direction: int) -> str:
    """The state of each step is an output."""
    if op.outputs[0] is None:
        return ""
    place = f"y0 + ((ptrdiff_t)t * {sizes.directions} + {direction}) * {sizes.state}"
    return f"memcpy({place}, h, {4 * sizes.state});"


def _end(op: Op, sizes: Sizes, direction: int) -> list[str]:
    """The last state is an output."""
    return [
        f"memcpy(y{index} + {direction * sizes.state}, {name}, {4 * sizes.state});"
        for index, name in ((1, "h"), (2, "c"))
        if index < len(op.outputs) and op.outputs[index] is not None
    ]


def _copied(op: Op, index: int, name: str, start: int, state: int) -> str:
    """What the state begins with."""
    if op.optional(index) is None:
        return f"memset({name}, 0, {4 * state});"
    return f"memcpy({name}, x{index} + {start}, {4 * state});"
