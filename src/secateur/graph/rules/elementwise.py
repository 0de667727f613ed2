"""What do operators say that work position by position, with broadcasting?"""

from collections.abc import Iterator

from secateur.graph.relations import Operator, Relation, Rule


def elementwise(op: Operator) -> Iterator[Relation]:
    """Every input axis is the output's, aligned from the last; an axis of size 1 is broadcast."""
    y = op.outputs[0]
    rank = len(op.shape(y))
    for x in op.inputs:
        shift = rank - len(op.shape(x))
        for i in range(len(op.shape(x))):
            yield from op.same((x, i), (y, i + shift))


def first_input(op: Operator) -> Iterator[Relation]:
    """The output has the shape of the first input; the others are scalars."""
    yield from op.all_same(op.input(0), op.outputs[0])


def cast_like(op: Operator) -> Iterator[Relation]:
    """Only the type of the second input is read."""
    yield from op.all_same(op.input(0), op.outputs[0])
    yield from op.all_same(op.input(1), op.input(1))


# fmt: off
UNARY = (
    "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BitwiseNot", "Cast", "Ceil",
    "Celu", "Clip", "Cos", "Cosh", "Dropout", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid",
    "HardSwish", "Identity", "IsInf", "IsNaN", "LeakyRelu", "Log", "Mish", "Neg", "Not", "Reciprocal",
    "Relu", "Round", "Selu", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign", "Sqrt",
    "Swish", "Tan", "Tanh", "ThresholdedRelu",
)
BINARY = (
    "Add", "And", "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Div", "Equal", "Greater",
    "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Mean", "Min", "Mod", "Mul", "Or", "PRelu", "Pow", "Sub",
    "Sum", "Where", "Xor",
)
# fmt: on

ELEMENTWISE: dict[str, Rule] = {
    **dict.fromkeys(UNARY, first_input),
    **dict.fromkeys(BINARY, elementwise),
    "CastLike": cast_like,
}
