"""Sums and the like over axes, probabilities and norms, against ONNX Runtime."""

import numpy as np
import pytest
from operators import check, network, numbers

import secateur.compiler
from secateur.network_file.read import as_graph

KINDS = "ReduceMean ReduceSum ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceSumSquare".split()  # noqa: SIM905
AXES = {"last": [-1], "middle": [1], "planes": [2, 3], "outer": [0, 2], "every": [0, 1, 2, 3]}


@pytest.mark.parametrize("kind", KINDS)
def test_axes(kind: str) -> None:
    texts = [f"{kind}<keepdims={keep}>(x, {axes})" for axes in AXES for keep in (0, 1)]
    constants = {name: np.array(axes, np.int64) for name, axes in AXES.items()}
    check("; ".join([*texts, f"{kind}(x)"]), x=numbers(2, 3, 5, 37), constants=constants)


def test_integers() -> None:
    check("ReduceSum(x, a); ReduceMax(x, a); ReduceMean(x)", x=np.arange(12).reshape(3, 4), constants=_axis())


def _axis() -> dict[str, np.ndarray]:
    return {"a": np.array([0])}


def test_place_of_the_largest() -> None:
    x = numbers(3, 4, 5)
    x[0, 1] = x[0, 2] = 9  # equal ones
    check(
        "ArgMax<axis=1>(x); ArgMax<axis=-1, keepdims=0>(x); ArgMin(x); "
        "ArgMax<axis=1, select_last_index=1>(x)",
        x=x,
    )


def test_running_sums() -> None:
    kinds = [f"<exclusive={e}, reverse={r}>" for e in (0, 1) for r in (0, 1)]
    texts = [f"CumSum{kind}(x, {axis})" for kind in kinds for axis in ("first", "last")]
    check(
        "; ".join([*texts, "CumSum(n, last)"]),
        x=numbers(5, 3, 7),
        n=np.arange(12).reshape(3, 4),
        constants={"first": np.array(0), "last": np.array(-1)},
    )


def test_nan_passes_through() -> None:
    x = np.array([[1, np.nan, 3, np.inf]], np.float32)
    largest, total = secateur.compiler.compile(as_graph(network("ReduceMax(x); ReduceSum(x)", {"x": x})))(x)
    assert np.isnan(largest).all()
    assert np.isnan(total).all()


def test_softmax() -> None:
    texts = [f"{kind}<axis={axis}>(x)" for kind in ("Softmax", "LogSoftmax") for axis in (0, 1, 2, -1)]
    check("; ".join(texts), x=numbers(3, 5, 7, 19) * 20)
    check(
        "Softmax(x); Softmax<axis=2>(x); Softmax(y)", opset=11, x=numbers(3, 5, 7), y=numbers(2, 130, seed=1)
    )


def test_softmax_of_masked_rows() -> None:
    check("Softmax(x)", x=np.array([[0, -np.inf, 1], [1e30, 0, -1e30], [5, 5, 5]], np.float32))


def test_norms_of_rows() -> None:
    texts = "LayerNormalization(x, s, b); LayerNormalization<axis=1, epsilon=0.01>(x, w)"
    check(
        texts, x=numbers(3, 5, 21) + 4, s=numbers(21, seed=1), b=numbers(21, seed=2), w=numbers(5, 21, seed=3)
    )
    check("RMSNormalization(x, s)", opset=23, x=numbers(3, 21), s=numbers(21, seed=1))


def test_norms_of_images() -> None:
    check(
        "InstanceNormalization(x, s, b); BatchNormalization(x, s, b, m, v); LRN<size=3>(x)",
        x=numbers(2, 6, 5, 7) + 1,
        constants={
            "s": numbers(6, seed=1),
            "b": numbers(6, seed=2),
            "m": numbers(6),
            "v": np.ones(6, np.float32),
        },
    )
    check(
        "GroupNormalization<num_groups=3>(x, s, b)", opset=21, x=numbers(2, 6, 5), s=numbers(6), b=numbers(6)
    )
