"""What is one element of an operator's output in C, from the elements of its inputs?"""

from collections.abc import Callable, Mapping
from functools import partial, reduce

import numpy as np

from secateur.compiler.code import literal
from secateur.compiler.program import Op

Expression = Callable[[Op, list[str]], str]
"""The C of one element of the output, from the C of the inputs' elements."""

ANY_TYPE = {
    "Add": "{0} + {1}",
    "Sub": "{0} - {1}",
    "Mul": "{0} * {1}",
    "Neg": "-{0}",
    "Relu": "{0} < 0 ? 0 : {0}",
    "Sign": "{0} != {0} ? {0} : ({0} > 0) - ({0} < 0)",
    "Equal": "{0} == {1}",
    "Less": "{0} < {1}",
    "LessOrEqual": "{0} <= {1}",
    "Greater": "{0} > {1}",
    "GreaterOrEqual": "{0} >= {1}",
    "And": "{0} & {1}",
    "Or": "{0} | {1}",
    "Xor": "{0} ^ {1}",
    "Not": "!{0}",
    "Where": "{0} ? {1} : {2}",
}
ONLY_FLOAT = {
    **{
        name.capitalize(): f"{name}f({{0}})" for name in ("sqrt", "floor", "ceil", "log", "sin", "cos", "tan")
    },
    **{name.capitalize(): f"{name}f({{0}})" for name in ("asin", "acos", "atan", "sinh", "cosh", "asinh")},
    **{name.capitalize(): f"{name}f({{0}})" for name in ("acosh", "atanh")},
    **{name: f"{name.lower()}_f({{0}})" for name in ("Exp", "Erf", "Tanh", "Sigmoid", "Softplus", "Mish")},
    "HardSwish": "{0} * clip_f({0} * 0.16666667f + 0.5f, 0, 1)",
    "IsNaN": "{0} != {0}",
    "Reciprocal": "1.0f / {0}",
    "Round": "nearbyintf({0})",
    "Softsign": "{0} / (1.0f + fabsf({0}))",
}


def _written(text: str, _: Op, x: list[str]) -> str:
    """Any shapes that broadcast; every type."""
    return text.format(*x)


def _written_for_floats(text: str, _: Op, x: list[str]) -> str:
    """Any shape; float32."""
    return text.format(*x)


def _floats(op: Op) -> bool:
    return op.input(0).dtype == np.float32


def _abs(op: Op, x: list[str]) -> str:
    """Every type."""
    return f"fabsf({x[0]})" if _floats(op) else f"({x[0]} < 0 ? -{x[0]} : {x[0]})"


def _div(op: Op, x: list[str]) -> str:
    """Any shapes that broadcast; every type; integers divided by 0 are 0."""
    return f"{x[0]} / {x[1]}" if _floats(op) else f"quotient_{op.input(0).c_type}({x[0]}, {x[1]})"


def _mod(op: Op, x: list[str]) -> str:
    """Any shapes that broadcast; every type; the remainder of 0 is 0."""
    if _floats(op) and op.get("fmod", 0):
        return f"fmodf({x[0]}, {x[1]})"
    return f"{'remainder' if op.get('fmod', 0) else 'modulus'}_{op.input(0).c_type}({x[0]}, {x[1]})"


def _pow(op: Op, x: list[str]) -> str:
    """Any shapes that broadcast; every type; integers are computed in double precision."""
    power = op.input(1).array
    if power is not None and power.size == 1 and float(power.reshape(-1)[0]) in (2.0, 3.0):
        return " * ".join([x[0]] * int(power.reshape(-1)[0]))
    return f"powf({x[0]}, {x[1]})" if _floats(op) else f"pow({x[0]}, {x[1]})"


def _folded(function: str, op: Op, x: list[str]) -> str:
    """Any number of inputs whose shapes broadcast; every type; NaN passes through."""
    return reduce(lambda a, b: f"{function}_{op.input(0).c_type}({a}, {b})", x)


def _sum(_: Op, x: list[str]) -> str:
    """Any number of inputs whose shapes broadcast; every type."""
    return " + ".join(x)


def _mean(_: Op, x: list[str]) -> str:
    """Any number of inputs whose shapes broadcast; float32."""
    return f"({' + '.join(x)}) / {literal(float(len(x)))}"


def _clip(op: Op, x: list[str]) -> str:
    """Bounds as inputs or attributes; every type; NaN passes through."""
    bounds = [*x[1:], "", ""]
    if "min" in op.attributes or "max" in op.attributes:
        bounds = [literal(float(op.get("min", -3.4028235e38))), literal(float(op.get("max", 3.4028235e38)))]
    low, high = bounds[:2]
    kind = op.input(0).c_type
    text = f"larger_{kind}({x[0]}, {low})" if low else x[0]
    return f"smaller_{kind}({text}, {high})" if high else text


def _leaky_relu(op: Op, x: list[str]) -> str:
    """Any alpha."""
    return f"leaky_float({x[0]}, {literal(float(op.get('alpha', 0.01)))})"


def _prelu(op: Op, x: list[str]) -> str:
    """A slope that broadcasts; every type."""
    return f"leaky_{op.input(0).c_type}({x[0]}, {x[1]})"


def _elu(op: Op, x: list[str]) -> str:
    """Any alpha."""
    return f"elu_f({x[0]}, {literal(float(op.get('alpha', 1.0)))})"


def _selu(op: Op, x: list[str]) -> str:
    """Any alpha and gamma."""
    alpha, gamma = op.get("alpha", 1.67326319217681884765625), op.get("gamma", 1.05070102214813232421875)
    return f"{literal(float(gamma))} * elu_f({x[0]}, {literal(float(alpha))})"


def _celu(op: Op, x: list[str]) -> str:
    """Any alpha but 0."""
    alpha = literal(float(op.get("alpha", 1.0)))
    return f"({x[0]} < 0 ? {alpha} * (exp_f({x[0]} / {alpha}) - 1.0f) : {x[0]})"


def _thresholded_relu(op: Op, x: list[str]) -> str:
    """Any alpha."""
    return f"{x[0]} > {literal(float(op.get('alpha', 1.0)))} ? {x[0]} : 0"


def _hard_sigmoid(op: Op, x: list[str]) -> str:
    """Any alpha and beta."""
    alpha, beta = literal(float(op.get("alpha", 0.2))), literal(float(op.get("beta", 0.5)))
    return f"clip_f({x[0]} * {alpha} + {beta}, 0, 1)"


def _gelu(op: Op, x: list[str]) -> str:
    """Exact, and approximated by tanh."""
    return f"{op.choice('approximate', {'none': 'gelu_f', 'tanh': 'gelu_tanh_f'}, 'none')}({x[0]})"


def _swish(op: Op, x: list[str]) -> str:
    """Any alpha."""
    return f"{x[0]} * sigmoid_f({literal(float(op.get('alpha', 1.0)))} * {x[0]})"


def _isinf(op: Op, x: list[str]) -> str:
    """Either sign, or both."""
    signs = (("detect_positive", "INFINITY"), ("detect_negative", "-INFINITY"))
    return " || ".join(f"{x[0]} == {infinity}" for name, infinity in signs if op.get(name, 1)) or "0"


def _shrink(op: Op, x: list[str]) -> str:
    """Any bias and lambd."""
    bias, limit = literal(float(op.get("bias", 0.0))), float(op.get("lambd", 0.5))
    low, high = literal(-limit), literal(limit)
    return f"{x[0]} < {low} ? {x[0]} + {bias} : {x[0]} > {high} ? {x[0]} - {bias} : 0"


def _cast(op: Op, x: list[str]) -> str:
    """Between float32, int64, int32, uint8 and bool."""
    y = op.output
    return f"{x[0]} != 0" if y.dtype == np.bool_ else f"({y.c_type}){x[0]}"


EXPRESSIONS: Mapping[str, Expression] = {
    **{name: partial(_written, text) for name, text in ANY_TYPE.items()},
    **{name: partial(_written_for_floats, text) for name, text in ONLY_FLOAT.items()},
    "Abs": _abs,
    "Cast": _cast,
    "CastLike": _cast,
    "Celu": _celu,
    "Clip": _clip,
    "Div": _div,
    "Elu": _elu,
    "Gelu": _gelu,
    "HardSigmoid": _hard_sigmoid,
    "IsInf": _isinf,
    "LeakyRelu": _leaky_relu,
    "Max": partial(_folded, "larger"),
    "Mean": _mean,
    "Min": partial(_folded, "smaller"),
    "Mod": _mod,
    "PRelu": _prelu,
    "Pow": _pow,
    "Selu": _selu,
    "Shrink": _shrink,
    "Sum": _sum,
    "Swish": _swish,
    "ThresholdedRelu": _thresholded_relu,
}
