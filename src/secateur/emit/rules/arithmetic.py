"""How are numbers added, multiplied, compared and turned into others?"""

import onnx_ir

from secateur.emit.expressions import NEGATION, Expr, call, heavy, infix, method, within
from secateur.emit.site import Site

FUNCTIONS = {
    "Erf": "torch.erf",
    "Exp": "torch.exp",
    "Log": "torch.log",
    "Sqrt": "torch.sqrt",
    "Rsqrt": "torch.rsqrt",  # from secateur.emit.rewrites
    "Reciprocal": "torch.reciprocal",
    "Abs": "torch.abs",
    "Sign": "torch.sign",
    "Floor": "torch.floor",
    "Ceil": "torch.ceil",
    "Round": "torch.round",
    "Sin": "torch.sin",
    "Cos": "torch.cos",
    "IsNaN": "torch.isnan",
    "Not": "torch.logical_not",
    "And": "torch.logical_and",
    "Or": "torch.logical_or",
    "Xor": "torch.logical_xor",
}
SIGNS = {
    "Add": "+",
    "Sub": "-",
    "Mul": "*",
    "MatMul": "@",
    "Greater": ">",
    "GreaterOrEqual": ">=",
    "Less": "<",
    "LessOrEqual": "<=",
    "Equal": "==",
}
CASTS = {
    onnx_ir.DataType.FLOAT: "float",
    onnx_ir.DataType.DOUBLE: "double",
    onnx_ir.DataType.FLOAT16: "half",
    onnx_ir.DataType.BFLOAT16: "bfloat16",
    onnx_ir.DataType.INT64: "long",
    onnx_ir.DataType.INT32: "int",
    onnx_ir.DataType.BOOL: "bool",
}
WHOLE_KINDS = "iu"


def function(site: Site) -> Expr:
    """A function of PyTorch with the same arguments."""
    return call(FUNCTIONS[site.node.op_type], *[site.tensor(i) for i in range(len(site.node.inputs))])


def sign(site: Site) -> Expr:
    """An operator of Python."""
    both = [site.operand(0), site.operand(1)]
    if not any(site.array(i) is None and site.book.sizes.of(site.value(i)) is None for i in (0, 1)):
        both[0] = site.tensor(0)  # two numbers would give a number
    return infix(both[0], SIGNS[site.node.op_type], both[1])


def negation(site: Site) -> Expr:
    """A minus in front."""
    given = within(site.tensor(0), NEGATION)
    return Expr(("-", *given.pieces), NEGATION, given.heavy)


def division(site: Site) -> Expr:
    """Whole numbers are rounded towards zero."""
    value = site.value(0)
    if value is not None and value.dtype is not None and value.dtype.numpy().kind in WHOLE_KINDS:
        return call("torch.div", site.tensor(0), site.operand(1), rounding_mode="trunc")
    return infix(site.operand(0), "/", site.operand(1))


def remainder(site: Site) -> Expr:
    """With the sign of the divisor as in Python, or, for `fmod`, of the dividend as in C."""
    name = "torch.fmod" if site.node.attributes.get_int("fmod", 0) else "torch.remainder"
    return call(name, site.tensor(0), site.operand(1))


def power(site: Site) -> Expr:
    """A method, since `**` binds tighter than a minus."""
    exponent = site.array(1)
    if exponent is not None and exponent.size == 1 and exponent.reshape(-1)[0] == 2:
        return method(site.tensor(0), "square")
    return method(site.tensor(0), "pow", site.operand(1))


def extreme(site: Site) -> Expr:
    """The larger or the smaller of two or more."""
    name = "torch.maximum" if site.node.op_type == "Max" else "torch.minimum"
    result = site.tensor(0)
    for index in range(1, len(site.node.inputs)):
        result = call(name, result, site.tensor(index))
    return result


def where(site: Site) -> Expr:
    """One or the other."""
    return call("torch.where", site.tensor(0), site.operand(1), site.operand(2))


def cast(site: Site) -> Expr:
    """To another type."""
    value, to = site.value(0), onnx_ir.DataType(site.node.attributes.get_int("to", 0))
    if value is not None and value.dtype == to:
        return site.tensor(0)
    if to not in CASTS:
        site.refuse(f"PyTorch has no short word for the type {to.name}")
    return method(site.tensor(0), CASTS[to])


def einsum(site: Site) -> Expr:
    """A sum of products, by the letters of its axes."""
    equation = site.node.attributes.get_string("equation", "")
    return heavy(call("torch.einsum", equation, *[site.tensor(i) for i in range(len(site.node.inputs))]))


def same(site: Site) -> Expr:
    """Nothing happens in evaluation mode."""
    return site.tensor(0)


RULES = {
    **dict.fromkeys(FUNCTIONS, function),
    **dict.fromkeys(SIGNS, sign),
    **dict.fromkeys(("Max", "Min"), extreme),
    **dict.fromkeys(("Identity", "Dropout"), same),
    "Neg": negation,
    "Div": division,
    "Mod": remainder,
    "Pow": power,
    "Where": where,
    "Cast": cast,
    "Einsum": einsum,
}
