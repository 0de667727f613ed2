import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from secateur import Distillation
from secateur.recovery.distil import Kind, Teacher, class_distance


def test_kl_by_hand() -> None:
    # Teacher (0.8, 0.2), student (0.5, 0.5): 0.8 ln 1.6 + 0.2 ln 0.4.
    teacher = torch.tensor([[math.log(0.8), math.log(0.2)]])
    student = torch.zeros(1, 2)
    expected = 0.8 * math.log(1.6) + 0.2 * math.log(0.4)
    assert float(class_distance(student, teacher, 1.0)) == pytest.approx(expected)


def test_kl_is_zero_only_for_equal_distributions_and_softens_with_temperature() -> None:
    teacher, student = torch.tensor([[2.0, -1.0, 0.0]]), torch.tensor([[0.0, 1.0, 3.0]])
    assert float(class_distance(teacher + 5, teacher, 4.0)) == pytest.approx(0, abs=1e-6)
    assert float(class_distance(student, teacher, 4.0)) > 0.1


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 3, 3), (6, 7, 5)])
def test_classes_are_averaged_over_positions(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    student, teacher = torch.randn(shape), torch.randn(shape)
    axis = -1 if len(shape) == 3 else 1
    rows = [t.movedim(axis, -1).reshape(-1, 5) for t in (student, teacher)]
    expected = float(class_distance(rows[0], rows[1], 2.0))
    assert float(class_distance(student, teacher, 2.0)) == pytest.approx(expected)


class Constant(nn.Module):
    """Answers what it is told to, and can be trained by one number."""

    def __init__(self, answers: list[Tensor]) -> None:
        super().__init__()
        self.answers = iter(answers)
        self.shift = nn.Parameter(torch.tensor(0.0))

    def forward(self, x: Tensor) -> Tensor:
        return next(self.answers) + self.shift


def distances(teacher: list[Tensor], student: list[Tensor], kind: Kind) -> list[float]:
    """What a loss of 0 becomes, with all weight on the teacher."""
    pupil = Constant(student)
    mixer = Teacher(Constant(teacher), pupil, Distillation(weight=1.0), kind)
    return [float(mixer.mixed(0 * pupil(torch.ones(1)).sum()).detach()) for _ in student]


def test_values_are_in_units_of_the_variance_of_all_the_teachers_outputs() -> None:
    first, second = torch.tensor([[0.0], [2.0]]), torch.tensor([[4.0], [6.0]])
    # The first batch has variance 1, both together (0, 2, 4, 6) have 5.
    found = distances([first, second], [first + 1, second + 1], "values")
    assert found == pytest.approx([1.0, 0.2])


def test_a_last_batch_of_one_example_does_not_blow_up() -> None:
    full, single = torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0]])
    found = distances([full, single], [full, single + 0.1], "values")
    assert found[1] == pytest.approx(0.01 / (2 / 3))


def test_a_first_batch_without_any_spread_teaches_nothing() -> None:
    single = torch.tensor([[1.0]])
    assert distances([single], [single + 0.1], "values") == [0.0]


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_one_output_per_example_is_compared_as_a_value_even_among_classes(shape: tuple[int, ...]) -> None:
    teacher = torch.tensor([0.0, 1.0, 2.0, 3.0]).reshape(shape)
    shifted = distances([teacher], [teacher + 5], "classes")
    assert shifted == pytest.approx([25 / 1.25])  # a softmax over the examples would not see the shift


def test_a_teacher_that_answers_another_shape_is_not_heard() -> None:
    assert distances([torch.ones(2, 3)], [torch.zeros(2, 4)], "values") == [0.0]


def test_the_teacher_sees_the_students_inputs_and_gets_no_gradient() -> None:
    teacher, student = nn.Linear(2, 3), nn.Linear(2, 3)
    mixer = Teacher(teacher, student, Distillation(weight=0.25, temperature=2.0), "classes")
    x = torch.randn(4, 2)
    loss = student(x).square().mean()
    expected = 0.75 * loss + 0.25 * class_distance(student(x), teacher(x), 2.0)
    mixed = mixer.mixed(loss)
    assert torch.allclose(mixed, expected)
    assert mixer.taught
    mixed.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is None for p in teacher.parameters())
    mixer.close()
    assert not student._forward_hooks


class Several(nn.Linear):
    """Answers a dictionary, as many networks do."""

    def forward(self, x: Tensor) -> dict[str, Any]:  # type: ignore[override]
        y = super().forward(x)
        return {"logits": y, "most": y.argmax(1), "states": (y.square(), None)}


def test_each_floating_point_tensor_of_a_structure_teaches_as_a_value() -> None:
    torch.manual_seed(0)
    teacher, student, x = Several(2, 3), Several(2, 3), torch.randn(6, 2)
    mixer = Teacher(teacher, student, Distillation(weight=1.0), "classes")
    answer, wanted = student(x), teacher(x)
    pairs = [(answer["logits"], wanted["logits"]), (answer["states"][0], wanted["states"][0])]
    expected = torch.stack([F.mse_loss(a, b) / b.var(correction=0) for a, b in pairs]).mean()
    assert mixer.mixed(answer["logits"].sum()).item() == pytest.approx(expected.item())
    assert mixer.taught
    again = Teacher(teacher, student, Distillation(weight=1.0), "classes")
    again.load_state_dict(mixer.state_dict())
    other = torch.randn(4, 2)
    found = [m.mixed(student(other)["logits"].sum()).item() for m in (mixer, again)]
    assert found[0] == found[1]


def test_outputs_that_do_not_allow_it_leave_the_loss_alone() -> None:
    class Choice(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).argmax(1)

    student = Choice(2, 3)
    mixer = Teacher(Choice(2, 3), student, Distillation(), "classes")
    student(torch.ones(1, 2))
    loss = student.weight.sum()
    assert mixer.mixed(loss) is loss
    assert not mixer.taught


def test_a_forward_call_is_used_once_and_evaluation_calls_are_not() -> None:
    student = nn.Linear(2, 3)
    mixer = Teacher(nn.Linear(2, 3), student, Distillation(), "classes")
    with torch.no_grad():
        student(torch.ones(1, 2))
    loss = torch.tensor(1.0)
    assert mixer.mixed(loss) is loss
