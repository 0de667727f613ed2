"""Operators that move elements: against ONNX Runtime, and what is read outside."""

import numpy as np
import onnx
from operators import check, network, numbers

import secateur.compiler
from secateur.network_file.read import as_graph


def _ints(**lists: list[int]) -> dict[str, np.ndarray]:
    return {name: np.array(values, np.int64) for name, values in lists.items()}


def test_order_of_axes() -> None:
    check(
        "Transpose(x); Transpose<perm=[0, 2, 3, 1]>(x); Transpose<perm=[2, 0, 1, 3]>(x); Transpose(one); "
        'DepthToSpace<blocksize=2>(d); DepthToSpace<blocksize=2, mode="CRD">(d); '
        "SpaceToDepth<blocksize=3>(d)",
        x=numbers(2, 3, 4, 5),
        one=numbers(1, 5, 1),
        d=numbers(2, 8, 3, 6),
    )


def test_joined() -> None:
    check(
        "Concat<axis=1>(a, b, a); Concat<axis=-1>(a, a); Concat<axis=0>(b, b)",
        a=numbers(2, 3, 4),
        b=numbers(2, 1, 4, seed=1),
    )


def test_split() -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 18]> g (float[7, 4] x) => (a, b, d)
        <int64[2] sizes = {3, 4}> { a, b = Split(x, sizes)
        c, d = Split<axis=1, num_outputs=2>(x) }"""
    )
    x = numbers(7, 4)
    first, second, right = secateur.compiler.compile(as_graph(model))(x)
    np.testing.assert_array_equal(np.concatenate([first, second]), x)
    np.testing.assert_array_equal(right, x[:, 2:])


def test_slices() -> None:
    check(
        "Slice(x, one, last, axis, step); Slice(x, back, front, axis, minus); Slice(x, pair, ends)",
        x=numbers(5, 9, 3),
        constants=_ints(
            one=[1],
            last=[9],
            axis=[1],
            step=[3],
            back=[-1],
            front=[-100],
            minus=[-2],
            pair=[1, 2],
            ends=[100, -1],
        ),
    )


def test_repeated() -> None:
    check(
        "Expand(x, shape); Tile(y, repeats)",
        x=numbers(3, 1, 5),
        y=numbers(2, 3, seed=1),
        constants=_ints(shape=[2, 1, 4, 1], repeats=[3, 2]),
    )


def test_padded() -> None:
    modes = "; ".join(f'Pad<mode="{mode}">(x, pads)' for mode in ("constant", "reflect", "edge"))
    check(
        f'{modes}; Pad(x, pads, value); Pad(x, cut); Pad<mode="wrap">(x, pads)',
        opset=19,
        x=numbers(2, 4, 5),
        constants={
            **_ints(pads=[0, 1, 3, 0, 2, 0], cut=[0, -1, 2, 1, 0, -2]),
            "value": np.array(7.5, np.float32),
        },
    )


def test_gathered() -> None:
    check(
        "Gather(x, i); Gather<axis=1>(x, k); Gather<axis=-1>(x, one); Gather(t, i); "
        "GatherElements<axis=1>(x, e)",
        x=numbers(5, 4, 3),
        i=np.array([[0, -1, 4]]),
        e=np.array([[[1, -4, 3], [0, 0, 2]]] * 5),
        constants={**_ints(k=[3, -2]), "one": np.array(1), "t": numbers(6, 2)},
    )


def test_an_index_outside_reads_the_edge() -> None:
    inputs = {"x": numbers(5, 4), "i": np.array([7, -9, 2**60, -(2**62)])}
    got = secateur.compiler.compile(as_graph(network("Gather(x, i)", inputs)))(*inputs.values())
    np.testing.assert_array_equal(got, inputs["x"][[4, 0, 4, 0]])
