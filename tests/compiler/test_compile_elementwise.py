"""Elements by elements: types, broadcasting, and the numbers at the ends of the range."""

import numpy as np
from operators import check, network, numbers

import secateur.compiler
from secateur.network_file.read import as_graph

ENDS = np.array(
    [0.0, -0.0, np.inf, -np.inf, np.nan, 2e-38, 88, 89.5, -87, -103, 3.4e38, -3.4e38, 1e-8, 0.625], np.float32
)
NUMBERS = "Abs Ceil Erf Exp Floor Log Neg Reciprocal Round Sigmoid Sign Sqrt Tanh"
ACTIVATIONS = (
    "Celu Elu HardSigmoid HardSwish LeakyRelu Mish Relu Selu Softplus Softsign ThresholdedRelu Sin Cos"
)


def _of_x(names: str) -> str:
    return "; ".join(f"{name}(x)" for name in names.split())


def test_functions_of_one_number() -> None:
    x = np.concatenate([numbers(1003) * 3, np.linspace(-20, 20, 997, dtype=np.float32)])
    check(_of_x(f"{NUMBERS} {ACTIVATIONS}"), x=x)


def test_ends_of_the_range() -> None:
    check(_of_x(NUMBERS), x=ENDS)


def test_gelu() -> None:
    x = np.linspace(-9, 9, 1001, dtype=np.float32)
    check('Gelu(x); Gelu<approximate="tanh">(x)', opset=20, x=x)


def test_shrink() -> None:
    check(
        "Shrink(x); Shrink<lambd=1.5, bias=-0.25>(x); Shrink<lambd=-0.5, bias=0.25>(x)",
        x=np.linspace(-3, 3, 101, dtype=np.float32),
    )


def test_nan_passes_through_activations_and_bounds() -> None:
    x = np.array([np.nan, -1.0, 5.0, np.inf], np.float32)
    compiled = secateur.compiler.compile(
        as_graph(network("Relu(x); Clip(x, low, high); Max(x, low); Min(low, x)", _bounds(x)))
    )
    relu, clip, larger, smaller = compiled(*_bounds(x).values())
    np.testing.assert_array_equal(relu, np.array([np.nan, 0, 5, np.inf], np.float32))
    np.testing.assert_array_equal(clip, np.array([np.nan, 0, 1, 1], np.float32))
    np.testing.assert_array_equal(larger, np.array([np.nan, 0, 5, np.inf], np.float32))
    np.testing.assert_array_equal(smaller, np.array([np.nan, -1, 0, 0], np.float32))


def _bounds(x: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": x, "low": np.array(0, np.float32), "high": np.array(1, np.float32)}


def test_broadcasting() -> None:
    check(
        "Add(a, b); Sub(b, a); Mul(a, c); Div(a, d); Pow(e, c); Max(a, b, c); Sum(a, b, d); Mean(a, c); "
        "PRelu(a, b); Where(f, a, c); Less(a, b); Not(f); Equal(a, a); Min(d, a)",
        a=numbers(2, 3, 4, 5),
        b=numbers(3, 1, 1, seed=1),
        c=numbers(5, seed=2),
        d=numbers(1, seed=3),
        e=np.abs(numbers(4, 1, seed=4)),
        f=numbers(2, 1, 4, 1, seed=5) > 0,
    )


def test_integers_and_booleans() -> None:
    a = np.array([-7, -1, 0, 5, 2**31 - 1], np.int64)
    b = np.array([2, -3, 4, -5, 7], np.int64)
    t = np.array([True, False, True, False, True])
    check(
        "Add(a, b); Mul(a, b); Div(a, b); Mod(a, b); Mod<fmod=1>(a, b); Neg(a); Abs(a); Max(a, b); Sign(a); "
        "Less(a, b); Where(t, a, b); And(t, u); Or(t, u); Xor(t, u); Not(t)",
        a=a,
        b=b,
        t=t,
        u=~t[::-1].copy(),
    )


def test_division_of_integers_by_0_does_not_trap() -> None:
    compiled = secateur.compiler.compile(as_graph(network("Div(a, b); Mod(a, b)", _zeros())))
    quotient, remainder = compiled(*_zeros().values())
    assert quotient.tolist() == [0, -(2**63)]
    assert remainder.tolist() == [0, 0]


def _zeros() -> dict[str, np.ndarray]:
    return {"a": np.array([3, -(2**63)]), "b": np.array([0, -1])}


def test_casts() -> None:
    check(
        "Cast<to=1>(i); Cast<to=6>(i); Cast<to=9>(i); Cast<to=7>(x); Cast<to=9>(x); Cast<to=1>(t)",
        i=np.array([-2, 0, 7], np.int64),
        x=np.array([-2.7, 0.0, 0.4], np.float32),
        t=np.array([True, False, True]),
    )


def test_constants_of_one_number_stand_in_the_text() -> None:
    check("Mul(x, half); Sub(two, x); Pow(x, two)", x=numbers(3, 5), constants=_scalars())


def _scalars() -> dict[str, np.ndarray]:
    return {"half": np.array(0.5, np.float32), "two": np.array([2.0], np.float32)}
