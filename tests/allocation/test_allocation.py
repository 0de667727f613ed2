import torch
from hypothesis import given
from hypothesis import strategies as st

from secateur import ErdosRenyi, GlobalRank, Uniform
from secateur.allocation.apportion import apportion
from secateur.core.groups import Group, Member, ScoredGroup


def scored(
    name: str, shape: tuple[int, ...], scores: list[float] | None = None, most: int | None = None
) -> ScoredGroup:
    units = torch.Size(shape).numel()
    values = torch.tensor(scores) if scores else torch.arange(float(units))
    return ScoredGroup(Group(name, units, (Member(name, shape),)), values, 0, units if most is None else most)


def test_uniform_by_hand() -> None:
    groups = [scored("a", (10,)), scored("b", (30,))]
    assert Uniform()(groups, 20) == {"a": 5, "b": 15}
    assert Uniform()(groups, 21) == {"a": 5, "b": 16}  # 5.25 and 15.75: the larger remainder goes up


def test_global_takes_the_lowest_wherever_they_are() -> None:
    groups = [scored("a", (3,), [1.0, 2.0, 9.0]), scored("b", (3,), [3.0, 7.0, 8.0])]
    assert GlobalRank()(groups, 3) == {"a": 2, "b": 1}


def test_global_leaves_the_floor_and_takes_the_next_lowest_elsewhere() -> None:
    groups = [scored("a", (3,), [1.0, 2.0, 3.0], most=1), scored("b", (3,), [4.0, 7.0, 8.0], most=2)]
    assert GlobalRank()(groups, 3) == {"a": 1, "b": 2}


def test_erdos_renyi_by_hand() -> None:
    # (4 + 4) / 16 = 0.5 and (8 + 8) / 64 = 0.25: of 80 units 40 stay; e * (8 + 16) = 40, e = 5/3,
    # densities 0.8333 and 0.41667, so 2.67 and 37.33 go.
    groups = [scored("a", (4, 4)), scored("b", (8, 8))]
    assert ErdosRenyi()(groups, 40) == {"a": 3, "b": 37}


def test_erdos_renyi_keeps_small_layers_dense_and_spreads_the_rest() -> None:
    groups = [scored("tiny", (2, 2)), scored("big", (32, 32)), scored("bigger", (64, 32))]
    counts = ErdosRenyi()(groups, 2000)
    assert counts["tiny"] == 0
    assert sum(counts.values()) == 2000
    assert counts["bigger"] / 2048 > counts["big"] / 1024 > 0


@given(
    st.lists(st.tuples(st.integers(1, 50), st.floats(-5, 60), st.data()), min_size=1, max_size=6), st.data()
)
def test_apportion_adds_up_within_the_bounds(
    rows: list[tuple[int, float, st.DataObject]], data: st.DataObject
) -> None:
    groups, ideal = [], []
    for i, (units, wish, draw) in enumerate(rows):
        least = draw.draw(st.integers(0, units))
        most = draw.draw(st.integers(least, units))
        member = Member(str(i), (units,))
        groups.append(ScoredGroup(Group(str(i), units, (member,)), torch.zeros(units), least, most))
        ideal.append(wish)
    total = data.draw(st.integers(sum(g.least for g in groups), sum(g.most for g in groups)))
    counts = apportion(groups, ideal, total)
    assert sum(counts.values()) == total
    assert all(g.least <= counts[g.group.name] <= g.most for g in groups)
