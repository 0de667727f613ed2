"""What penalties add to gradients is the gradient of the formula in their docstrings."""

import math
import pickle
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from secateur.core.groups import Group, Member
from secateur.core.protocols import Penalty
from secateur.errors import RecipeError
from secateur.penalties import PENALTIES, GroupLasso, Growing

Weights = dict[str, Tensor]
few = settings(max_examples=40, deadline=None, derandomize=True)


def group(name: str, *members: tuple[str, tuple[int, ...], int, list[list[int]]], buffer: str = "") -> Group:
    made = [Member(tensor, shape, axis, torch.tensor(where)) for tensor, shape, axis, where in members]
    if buffer:
        made.append(Member(buffer, (len(members[0][3]),), 0, made[0].positions, buffer=True))
    return Group(name, len(members[0][3]), tuple(made), "channels")


# Two channels: rows of `a`, numbers of `bias`, pairs of columns of `b`.
CHANNELS = group(
    "channels",
    ("a.weight", (2, 3), 0, [[0], [1]]),
    ("a.bias", (2,), 0, [[0], [1]]),
    ("b.weight", (2, 4), 1, [[0, 1], [2, 3]]),
    buffer="norm.running_mean",
)
# The outputs of `b`: the same tensor along its other axis.
OUTPUTS = group("outputs", ("b.weight", (2, 4), 0, [[0], [1]]))
# Hidden units of a recurrent layer: rows and columns of one tensor.
HIDDEN = group(
    "hidden",
    ("hh", (6, 3), 0, [[0, 3], [1, 4], [2, 5]]),
    ("hh", (6, 3), 1, [[0], [1], [2]]),
)
# Two groups share out the columns that read their concatenation.
LEFT = group("left", ("read", (2, 3, 2), 1, [[0], [2]]))
RIGHT = group("right", ("read", (2, 3, 2), 1, [[1]]))
CASES = {
    "two axes of two groups": [CHANNELS, OUTPUTS],
    "two axes of one group": [HIDDEN],
    "one axis of two groups": [LEFT, RIGHT],
}


def weights_of(groups: list[Group], seed: int = 0) -> Weights:
    torch.manual_seed(seed)
    shapes = {m.tensor: m.shape for g in groups for m in g.members if not m.buffer}
    return {name: torch.randn(shape, dtype=torch.float64) for name, shape in shapes.items()}


def vector(g: Group, weights: Weights, unit: int) -> Tensor:
    """All that a unit owns."""
    parts = []
    for m in g.members:
        if not m.buffer:
            assert m.positions is not None
            parts.append(weights[m.tensor].index_select(m.axis, m.positions[unit]).flatten())
    return torch.cat(parts)


def group_lasso(strength: float, alpha: float) -> Callable[[list[Group], Weights], Tensor]:
    def formula(groups: list[Group], weights: Weights) -> Tensor:
        total = torch.zeros((), dtype=torch.float64)
        for g in groups:
            vectors = [vector(g, weights, unit) for unit in range(g.units)]
            importance = [float(v.detach().square().sum()) for v in vectors]
            most, least = max(importance), min(importance)
            for v, i in zip(vectors, importance, strict=True):
                emphasis = 2 ** (alpha * (most - i) / (most - least)) if most > least else 1.0
                total = total + strength * math.sqrt(len(v)) * emphasis * v.norm()
        return total

    return formula


def growing(factor: float, doomed: dict[str, Tensor]) -> Callable[[list[Group], Weights], Tensor]:
    def formula(groups: list[Group], weights: Weights) -> Tensor:
        total = torch.zeros((), dtype=torch.float64)
        for g in groups:
            for unit in range(g.units):
                if doomed[g.name][unit]:
                    total = total + factor / 2 * vector(g, weights, unit).square().sum()
        return total

    return formula


def by_autograd(
    formula: Callable[[list[Group], Weights], Tensor], groups: list[Group], weights: Weights
) -> Weights:
    leaves = {name: w.clone().requires_grad_() for name, w in weights.items()}
    formula(groups, leaves).backward()  # type: ignore[no-untyped-call]
    return {name: torch.zeros_like(w) if w.grad is None else w.grad for name, w in leaves.items()}


def alternate(groups: list[Group]) -> dict[str, Tensor]:
    return {g.name: torch.arange(g.units) % 2 == 0 for g in groups}


def same(found: Weights, expected: Weights) -> None:
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient)


@pytest.mark.parametrize("groups", CASES.values(), ids=CASES)
@few
@given(seed=st.integers(0, 99), strength=st.floats(1e-6, 1e3), alpha=st.floats(0, 8))
def test_group_lasso_is_the_gradient_of_its_formula(
    groups: list[Group], seed: int, strength: float, alpha: float
) -> None:
    weights = weights_of(groups, seed)
    found = GroupLasso(strength, alpha)(groups, weights, alternate(groups), 0.5)
    same(found, by_autograd(group_lasso(strength, alpha), groups, weights))


@pytest.mark.parametrize("groups", CASES.values(), ids=CASES)
@few
@given(seed=st.integers(0, 99), strength=st.floats(1e-6, 1e3), progress=st.floats(0.01, 1))
def test_growing_is_the_gradient_of_its_formula(
    groups: list[Group], seed: int, strength: float, progress: float
) -> None:
    weights, doomed = weights_of(groups, seed), alternate(groups)
    found = Growing(strength)(groups, weights, doomed, progress)
    same(found, by_autograd(growing(strength * progress, doomed), groups, weights))


def test_group_lasso_by_hand() -> None:
    """Lengths 5 and 10 of two elements each: the shorter one feels 2^1 times as much. The third is gone."""
    g = group("g", ("w", (3, 2), 0, [[0], [1], [2]]))
    weights = {"w": torch.tensor([[3.0, 4.0], [6.0, 8.0], [0.0, 0.0]])}
    found = GroupLasso(strength=1.0, alpha=1.0)([g], weights, {}, 1.0)["w"] / math.sqrt(2)
    torch.testing.assert_close(found, torch.tensor([[1.2, 1.6], [0.6, 0.8], [0.0, 0.0]]))


def test_growing_by_hand() -> None:
    g = group("g", ("w", (2, 2), 1, [[0], [1]]))
    weights = {"w": torch.tensor([[3.0, 4.0], [6.0, 8.0]])}
    found = Growing(strength=2.0)([g], weights, {"g": torch.tensor([False, True])}, 0.25)["w"]
    assert found.tolist() == [[0.0, 2.0], [0.0, 4.0]]


@pytest.mark.parametrize("penalty", [kind() for kind in PENALTIES.values()], ids=PENALTIES)
class TestEveryPenalty:
    def test_adds_nothing_to_units_that_are_gone(self, penalty: Penalty) -> None:
        weights = weights_of([CHANNELS, OUTPUTS])
        weights["a.weight"][0] = weights["a.bias"][0] = weights["b.weight"][:, :2] = 0.0
        every = {"channels": torch.tensor([True, True]), "outputs": torch.tensor([True, True])}
        found = penalty([CHANNELS, OUTPUTS], weights, every, 1.0)
        for name, weight in weights.items():
            assert torch.equal(found[name] == 0, weight == 0), name

    def test_bears_a_group_of_which_nothing_is_left(self, penalty: Penalty) -> None:
        weights = {name: torch.zeros_like(w) for name, w in weights_of([HIDDEN]).items()}
        found = penalty([HIDDEN], weights, alternate([HIDDEN]), 1.0)
        assert found["hh"].tolist() == weights["hh"].tolist()

    def test_bears_units_of_equal_length(self, penalty: Penalty) -> None:
        weights = {"hh": torch.ones(6, 3)}
        found = penalty([HIDDEN], weights, {"hidden": torch.ones(3, dtype=torch.bool)}, 1.0)["hh"]
        assert bool((found > 0).all())
        assert bool(torch.isfinite(found).all())

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
    def test_answers_in_shape_and_type_of_the_weights_and_leaves_them(
        self, penalty: Penalty, dtype: torch.dtype
    ) -> None:
        weights = {n: (300 * w).to(dtype).requires_grad_() for n, w in weights_of([HIDDEN]).items()}
        before = {name: w.detach().clone() for name, w in weights.items()}
        found = penalty([HIDDEN], weights, alternate([HIDDEN]), 1.0)
        assert found["hh"].shape == (6, 3)
        assert found["hh"].dtype == dtype
        assert not found["hh"].requires_grad
        assert bool(torch.isfinite(found["hh"]).all())
        assert torch.equal(weights["hh"], before["hh"])

    def test_survives_pickle(self, penalty: Penalty) -> None:
        assert pickle.loads(pickle.dumps(penalty)) == penalty


def test_growing_leaves_alone_what_is_as_good_as_gone() -> None:
    """Else training on would end in subnormal numbers, with which processors are slow."""
    weights = {"hh": torch.full((6, 3), 1e-14)}
    every = {"hidden": torch.ones(3, dtype=torch.bool)}
    assert not bool(Growing()([HIDDEN], weights, every, 1.0)["hh"].any())
    weights = {"hh": torch.full((6, 3), 1e-10)}
    assert bool(Growing()([HIDDEN], weights, every, 1.0)["hh"].all())


@pytest.mark.parametrize("kind", PENALTIES.values(), ids=PENALTIES)
@pytest.mark.parametrize("strength", [0.0, -1.0, math.inf, math.nan])
def test_impossible_strengths_are_refused(kind: Callable[..., Penalty], strength: float) -> None:
    with pytest.raises(RecipeError, match="expected a finite number above 0"):
        kind(strength=strength)


@pytest.mark.parametrize("alpha", [-1.0, math.inf, math.nan])
def test_impossible_emphasis_is_refused(alpha: float) -> None:
    with pytest.raises(RecipeError, match=r"GroupLasso\(alpha="):
        GroupLasso(alpha=alpha)
