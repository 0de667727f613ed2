import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from secateur.graph.components import Classes, connected

EDGES = st.integers(1, 30).flatmap(
    lambda n: st.tuples(
        st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=60)
    )
)


def naive(count: int, edges: list[tuple[int, int]]) -> list[int]:
    """The lowest number of each component, found by walking from every number that was not reached yet."""
    lowest = [-1] * count
    for start in range(count):
        todo = [start] if lowest[start] < 0 else []
        while todo:
            here = todo.pop()
            if lowest[here] < 0:
                lowest[here] = start
                todo += [b for a, b in edges if a == here] + [a for a, b in edges if b == here]
    return lowest


@given(EDGES)
def test_connected_agrees_with_a_walk(case: tuple[int, list[tuple[int, int]]]) -> None:
    count, edges = case
    pairs = np.array(edges, np.int64).reshape(-1, 2)
    assert connected(count, pairs[:, 0], pairs[:, 1]).tolist() == naive(count, edges)


@given(EDGES)
def test_classes_agree_with_a_walk(case: tuple[int, list[tuple[int, int]]]) -> None:
    count, edges = case
    classes: Classes[int] = Classes()
    for a, b in edges:
        classes.join(a, b)
    expected = naive(count, edges)
    for a in range(count):
        for b in range(count):
            assert (classes.find(a) == classes.find(b)) == (expected[a] == expected[b])


def test_nothing_is_connected_without_edges() -> None:
    none = np.zeros(0, np.int64)
    assert connected(3, none, none).tolist() == [0, 1, 2]
    assert connected(0, none, none).tolist() == []


def test_a_long_chain_takes_few_rounds() -> None:
    """Neighbours in an order that hooks badly: a walk along the chain would take as many rounds as links."""
    order = np.random.default_rng(0).permutation(100_000)
    assert not connected(100_000, order[:-1], order[1:]).any()


def test_a_long_chain_of_names_needs_no_recursion() -> None:
    classes: Classes[int] = Classes()
    for i in range(20_000):
        classes.join(i, i + 1)
    assert classes.find(0) == classes.find(20_000)
