import numpy as np
from coupled_graphs import graph_of

from secateur.graph.makers import makers
from secateur.graph.relations import Axis, Positions


def labels(**given: list[int]) -> dict[Axis, Positions]:
    """Axis, as "name_axis", -> unit of each position."""
    return {(key[:-2], int(key[-1])): np.array(units, np.int64) for key, units in given.items()}


def test_a_layer_makes_what_it_answers_and_is_not_given() -> None:
    """Unit 5 runs from the first product to the second, whose columns read it."""
    graph = graph_of("h = MatMul(x, a)\n r = Relu(h)\n y = MatMul(r, b)", x=(2, 2), a=(2, 2), b=(2, 2))
    known = labels(a_1=[5, 6], h_1=[5, 6], r_1=[5, 6], b_0=[5, 6])
    assert makers(graph, known, [5, 6]) == {5: (0, "a"), 6: (0, "a")}


def test_of_two_layers_in_a_sum_the_first_is_the_maker() -> None:
    graph = graph_of("h = MatMul(x, a)\n i = MatMul(x, b)\n y = Add(h, i)", x=(2, 2), a=(2, 2), b=(2, 2))
    known = labels(a_1=[5, 6], h_1=[5, 6], b_1=[5, 6], i_1=[5, 6], y_1=[5, 6])
    assert makers(graph, known, [5]) == {5: (0, "a")}


def test_a_weight_that_is_turned_before_is_the_maker() -> None:
    graph = graph_of("t = Transpose <perm = [1, 0]> (a)\n y = MatMul(x, t)", x=(2, 2), a=(3, 2))
    known = labels(a_0=[1, 2, 3], t_1=[1, 2, 3], y_1=[1, 2, 3])
    assert makers(graph, known, [1, 3]) == {1: (1, "a"), 3: (1, "a")}


def test_what_no_weight_makes_has_no_maker() -> None:
    graph = graph_of("y = Relu(x)", x=(2, 3))
    assert makers(graph, labels(x_1=[1, 2, 3], y_1=[1, 2, 3]), [1]) == {}
