import pytest
import torch
from torch import Tensor, nn

from secateur import Distillation
from secateur.errors import RecipeError
from secateur.recovery.distil import Teacher
from secateur.recovery.features import Features, blocks


class Block(nn.Module):
    def __init__(self, inner: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2, inner), nn.Linear(inner, 2)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.second(self.first(x).relu())
        return out


def network(inner: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Sequential(Block(inner), Block(inner)), nn.Linear(2, 4))


def apart(student: nn.Module, teacher: nn.Module, x: Tensor, names: list[str]) -> Tensor:
    """By hand: the mean of what these blocks lack, each in units of the variance of the teacher's."""
    errors = []
    for name in names:
        answers: list[Tensor] = []
        for net in (student, teacher):
            handle = net.get_submodule(name).register_forward_hook(
                lambda *call, to=answers: to.append(call[2])
            )
            net(x)
            handle.remove()
        own, wanted = answers
        errors.append((own - wanted).square().mean() / wanted.var())
    return torch.stack(errors).mean()


def distance(features: Features, student: nn.Module, teacher: nn.Module, x: Tensor) -> Tensor | None:
    """After one call of each."""
    answer = student(x)
    teacher(x)
    return features.distance(answer)


def test_the_mean_over_blocks_in_units_of_the_teachers_variance() -> None:
    torch.manual_seed(0)
    student, teacher, x = network(), network(), torch.randn(8, 2)
    expected = apart(student, teacher, x, ["0.0", "0.1"])  # "0" hands on what "0.1" answers, and counts once
    features = Features(teacher, student)
    found = distance(features, student, teacher, x)
    assert found is not None
    torch.testing.assert_close(found, expected)
    assert features.distance(None) is None  # a call counts once
    features.close()
    assert not any(
        m._forward_hooks or m._forward_pre_hooks for net in (student, teacher) for m in net.modules()
    )


def test_blocks_hold_two_layers_each_of_which_multiplies() -> None:
    net = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), nn.Sequential(Block(2), nn.ReLU()))
    assert blocks(net) == ["1", "1.0"]


def test_narrow_blocks_learn_what_wide_ones_answer_and_the_gradient_is_the_students() -> None:
    torch.manual_seed(0)
    teacher, student, x = network(8), network(3), torch.randn(16, 2)
    features, distances = Features(teacher, student), []
    optimizer = torch.optim.Adam(student.parameters(), 0.02)
    for _ in range(60):
        found = distance(features, student, teacher, x)
        assert found is not None
        distances.append(float(found.detach()))
        optimizer.zero_grad()
        found.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert distances[-1] < 0.2 * distances[0]
    assert all(p.grad is not None for p in student[0].parameters())
    assert student[1].weight.grad is None  # behind the blocks


def test_a_block_that_makes_the_networks_own_answer_does_not_count() -> None:
    student, teacher, x = nn.Sequential(Block(2)), nn.Sequential(Block(2)), torch.randn(4, 2)
    assert distance(Features(teacher, student), student, teacher, x) is None


def test_blocks_of_another_shape_without_spread_or_without_a_counterpart_are_left_out() -> None:
    class Ones(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = nn.Linear(2, 2), nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            return torch.ones_like(x)

    def wide(out: int) -> nn.Module:
        return nn.Sequential(
            nn.Sequential(nn.Linear(2, 2), nn.Linear(2, out)), nn.Flatten(), nn.LazyLinear(3)
        )

    def flat() -> nn.Module:
        return nn.Sequential(Ones(), nn.Linear(2, 2))

    for student, teacher in ((wide(3), wide(5)), (flat(), flat()), (network(), flat())):
        assert distance(Features(teacher, student), student, teacher, torch.randn(4, 2)) is None


def test_calls_without_gradients_and_calls_before_the_last_one_are_not_compared() -> None:
    torch.manual_seed(0)
    student, teacher, x = network(), network(), torch.randn(8, 2)
    expected = apart(student, teacher, x, ["0.0", "0.1"])
    features = Features(teacher, student)
    student(torch.randn(5, 2))  # a criterion's, say
    found = distance(features, student, teacher, x)
    assert found is not None
    torch.testing.assert_close(found, expected)
    with torch.no_grad():
        assert distance(features, student, teacher, x) is None


def test_the_first_of_a_tuple_counts() -> None:
    class Pair(Block):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
            return super().forward(x), x

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.block, self.head = Pair(3), nn.Linear(2, 1)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.head(self.block(x)[0])
            return out

    student, teacher, x = Net(), Net(), torch.randn(8, 2)
    own, wanted = (net.block(x)[0] for net in (student, teacher))
    found = distance(Features(teacher, student), student, teacher, x)
    assert found is not None
    torch.testing.assert_close(found, (own - wanted).square().mean() / wanted.var())


def test_the_loss_has_all_three_parts() -> None:
    torch.manual_seed(0)
    student, teacher, x = network(), network(), torch.randn(8, 2)
    inside = apart(student, teacher, x, ["0.0", "0.1"])
    mixer = Teacher(teacher, student, Distillation(weight=0.0, features=3.0), "classes")
    mixed = mixer.mixed(student(x).square().mean())
    torch.testing.assert_close(mixed, student(x).square().mean() + 3 * inside)
    assert mixer.taught
    mixer.close()
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in student.modules())


def test_blocks_teach_where_the_networks_answers_cannot_be_compared() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = network()

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.body(x), x

    torch.manual_seed(0)
    student, x = Two(), torch.randn(8, 2)
    mixer = Teacher(Two(), student, Distillation(features=1.0), "classes")
    loss = student(x)[0].square().mean()
    mixed = mixer.mixed(loss)
    assert float(mixed.detach()) > float(loss.detach())
    assert mixer.taught


@pytest.mark.parametrize("features", [-1.0, float("inf"), float("nan")])
def test_the_weight_of_blocks_is_a_number(features: float) -> None:
    with pytest.raises(RecipeError, match="features"):
        Distillation(features=features)


def test_calls_of_parts_leave_nothing_behind() -> None:
    student = network()
    teacher = Teacher(network(), student, Distillation(features=1.0), "values")
    for _ in range(3):
        loss = student[1](student[0](torch.ones(4, 2))).sum()
        assert teacher.mixed(loss) is loss
        assert teacher._features is not None
        assert not any(teacher._features._answers.values())
