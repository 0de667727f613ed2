"""Products of matrices: which form each takes, and that all forms answer the same."""

from dataclasses import replace

import numpy as np
import pytest
from matrices import Array, graph, layer, sparse
from operators import check, network, numbers

import secateur.compiler
from secateur.compiler.build import build
from secateur.compiler.compiled import CompiledModel
from secateur.compiler.kernels import matrix_formats as formats
from secateur.compiler.targets import target_of
from secateur.errors import CompileError
from secateur.network_file.read import as_graph


def agrees(compiled: CompiledModel, weight: Array, rows: int) -> bool:
    x = numbers(rows, weight.shape[1], seed=7)
    wanted = np.maximum(x.astype(np.float64) @ weight.T + 1.5, 0)
    return float(np.abs(compiled(x) - wanted).max()) <= 1e-5 * float(np.abs(wanted).max())


def form(compiled: CompiledModel) -> str:
    return compiled.sources.steps[0].form


def test_gemm() -> None:
    check(
        "Gemm(a, b); Gemm(a, w, c); Gemm<transB=1, alpha=0.5, beta=2.0>(a, v, c); Gemm<transA=1>(b, b); "
        "Gemm<transA=1, transB=1>(b, a, d); Gemm<alpha=2.0, beta=0.5>(w, b, e); Gemm<beta=0.5>(a, b, f)",
        a=numbers(5, 7),
        b=numbers(7, 5, seed=1),
        d=numbers(5, 1, seed=2),
        f=numbers(1, 5, seed=3),
        constants={
            "w": sparse(7, 7, 0.5),
            "v": sparse(7, 7, 0.5, seed=1),
            "c": numbers(7, seed=4),
            "e": numbers(1, 5, seed=5),
        },
    )


def test_batches_and_vectors() -> None:
    check(
        "MatMul(a, b); MatMul(a, c); MatMul(c, b); MatMul(v, c); MatMul(a, v); MatMul(d, c); MatMul(w, b); "
        "MatMul(a, w); MatMul(u, c)",
        a=numbers(2, 3, 9, 7),
        b=numbers(3, 7, 20, seed=1),
        c=numbers(7, 7, seed=2),
        v=numbers(7, seed=3),
        d=numbers(2, 1, 4, 7, seed=4),
        constants={"w": sparse(7, 7, 0.3), "u": numbers(33, 7, seed=5)},
    )


@pytest.mark.parametrize("rows", [1, 3, 5, 25, 70])
@pytest.mark.parametrize(
    "weight",
    [sparse(37, 50), sparse(300, 129), sparse(48, 64, block=16), sparse(17, 33, 1.0), sparse(20, 9, 0.0)],
    ids=["elements", "many elements", "blocks", "dense", "empty"],
)
def test_layers(weight: Array, rows: int) -> None:
    assert agrees(secateur.compiler.compile(layer(weight, rows)), weight, rows)


@pytest.mark.parametrize("rows", [1, 40])
def test_a_weight_on_the_left(rows: int) -> None:
    weight = sparse(64, 96)
    check("MatMul(w, x)", x=numbers(96, rows), constants={"w": weight})


@pytest.mark.parametrize(
    ("weight", "rows", "wanted"),
    [
        (sparse(64, 128, 1.0), 1, ("dense",)),
        (sparse(64, 128, 1.0), 64, ("dense",)),
        (sparse(64, 128, block=16), 1, ("blocks",)),
        (sparse(64, 128, block=16), 64, ("blocks",)),
        (sparse(64, 128), 1, ("windows", "rows", "blocks")),
        (sparse(256, 512), 64, ("elements",)),
    ],
)
def test_the_form_follows_the_zeros_and_the_rows(weight: Array, rows: int, wanted: tuple[str, ...]) -> None:
    assert form(secateur.compiler.compile(layer(weight, rows))) in wanted


@pytest.mark.parametrize(("density", "wanted"), [(0.1, "rows"), (1.0, "plain")])
def test_processors_without_vectors(density: float, wanted: str) -> None:
    target, weight = replace(target_of("native"), pitch=1), sparse(21, 30, density)
    sources = secateur.compiler.sources_of(layer(weight, 3), target, {})
    compiled = CompiledModel(build(sources, target), sources)
    assert form(compiled) == wanted
    assert agrees(compiled, weight, 3)


def test_plain_kernels_answer_the_same() -> None:
    target, weight = target_of("native"), sparse(21, 30)
    x, body = numbers(3, 30), "p = Gemm<transB=1, alpha=0.5, beta=2.0>(x, w, b)\ny = MatMul(v, p)"
    constants = {"w": weight, "b": numbers(21), "v": numbers(4, 3)}
    sources = secateur.compiler.sources_of(graph(body, x, **constants), target, {}, plain=True)
    assert sources.files["model.c"].count(b"matmul_reference(p,") == 2
    answer = CompiledModel(build(sources, target), sources)(x)
    wanted = constants["v"] @ (0.5 * x @ weight.T + 2 * constants["b"])
    np.testing.assert_allclose(answer, wanted, rtol=1e-4, atol=1e-5)


def test_threads_change_nothing() -> None:
    x, body = numbers(9, 130), "p = MatMul(x, a)\nq = MatMul(p, b)\ny = MatMul(q, c)"
    weights = {"a": sparse(300, 130).T, "b": sparse(96, 300, block=16).T, "c": numbers(96, 40)}
    one, three = (secateur.compiler.compile(graph(body, x, **weights), threads=n)(x) for n in (1, 3))
    np.testing.assert_array_equal(one, three)


def test_infinity_and_nan_pass() -> None:
    weight = np.ones((3, 2), np.float32)
    x = np.array([[np.inf, 1], [np.nan, 1], [1, 2]], np.float32)
    answer = secateur.compiler.compile(layer(weight, 3))(x)
    np.testing.assert_array_equal(answer[:, 0], np.array([np.inf, np.nan, 4.5], np.float32))


def test_a_bias_and_an_activation_join_the_product() -> None:
    x, w, b = numbers(2, 5, 9), numbers(20, 9), numbers(20, seed=1)
    body = "v = Transpose<perm=[1, 0]>(w)\np = MatMul(x, v)\nq = Add(b, p)\ny = Relu(q)"
    compiled = secateur.compiler.compile(graph(body, x, w=w, b=b))
    assert [step.kind for step in compiled.sources.steps] == ["Gemm"]
    np.testing.assert_allclose(compiled(x), np.maximum(x @ w.T + b, 0), rtol=1e-5, atol=1e-5)


def test_integers_are_refused() -> None:
    x = np.ones((2, 2), np.int64)
    with pytest.raises(CompileError, match="MatMul.*int64"):
        secateur.compiler.compile(as_graph(network("MatMul(x, x)", {"x": x})))


def test_formats_hold_the_elements() -> None:
    weight = np.array([[0, 2, 0], [0, 0, 0], [3, 0, 4]], np.float32)
    rows = formats.rows(weight)
    assert rows.start.tolist() == [0, 1, 1, 3]
    assert rows.index.tolist() == [1, 0, 2]
    assert rows.values.tolist() == [2, 3, 4]
    blocks = formats.blocks(weight)
    assert blocks.index.tolist() == [0, 1, 2]
    assert blocks.values[:, :3].tolist() == [[0, 0, 3], [2, 0, 0], [0, 0, 4]]
    windows = formats.windows(weight, 2)
    assert windows.start.tolist() == [0, 2]
    assert windows.base.tolist() == [0, 1]  # the second would end behind the inputs if it began at 2
    assert windows.index[:, :3].tolist() == [[1, 0, 0], [0, 0, 1]]
    assert windows.values[:, :3].tolist() == [[2, 0, 3], [0, 0, 4]]
    assert formats.windows(np.zeros((3, 8), np.float32), 8).start.tolist() == [0, 0]
    elements = formats.elements(weight, chunk=2, band=2)
    assert elements.start.tolist() == [0, 1, 3]
    assert elements.order.tolist() == [[0, 1], [0, 1], [0, 0], [0, 0]]
    assert elements.counts.tolist() == [[1, 0], [0, 0], [1, 0], [1, 0]]
    assert elements.values.tolist() == [2, 3, 4]


@pytest.mark.parametrize("window", [8, 32])
@pytest.mark.parametrize("density", [0.0, 0.05, 0.4, 1.0])
def test_windows_hold_every_element_once(window: int, density: float) -> None:
    weight = sparse(37, 45, density)
    packed, found = formats.windows(weight, window), np.zeros((48, 45), np.float32)
    for number, (first, last) in enumerate(zip(packed.start, packed.start[1:], strict=False)):
        for row in range(first, last):
            outputs = 16 * number + np.arange(16)
            assert packed.base[row] + window <= 45
            assert packed.index[row].max() < window
            np.add.at(found, (outputs, packed.base[row] + packed.index[row]), packed.values[row])
    np.testing.assert_array_equal(found[:37], weight)
    assert not found[37:].any()
