import math

import pytest
import torch
from torch import Tensor, nn

from secateur import Distillation
from secateur.recovery.distil import Teacher, output_distance


def test_kl_by_hand() -> None:
    # Teacher (0.8, 0.2), student (0.5, 0.5): 0.8 ln 1.6 + 0.2 ln 0.4.
    teacher = torch.tensor([[math.log(0.8), math.log(0.2)]])
    student = torch.zeros(1, 2)
    expected = 0.8 * math.log(1.6) + 0.2 * math.log(0.4)
    assert float(output_distance(student, teacher, "classes", 1.0)) == pytest.approx(expected)


def test_kl_is_zero_only_for_equal_distributions_and_softens_with_temperature() -> None:
    teacher, student = torch.tensor([[2.0, -1.0, 0.0]]), torch.tensor([[0.0, 1.0, 3.0]])
    assert float(output_distance(teacher + 5, teacher, "classes", 4.0)) == pytest.approx(0, abs=1e-6)
    assert float(output_distance(student, teacher, "classes", 4.0)) > 0.1


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 3, 3), (6, 7, 5)])
def test_classes_are_averaged_over_positions(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    student, teacher = torch.randn(shape), torch.randn(shape)
    axis = -1 if len(shape) == 3 else 1
    rows = [t.movedim(axis, -1).reshape(-1, 5) for t in (student, teacher)]
    expected = float(output_distance(rows[0], rows[1], "classes", 2.0))
    assert float(output_distance(student, teacher, "classes", 2.0)) == pytest.approx(expected)


def test_values_are_in_units_of_the_teachers_variance() -> None:
    teacher = torch.tensor([[0.0], [2.0]])
    assert float(output_distance(teacher + 1, teacher, "values", 1.0)) == pytest.approx(1.0)
    assert float(output_distance(10 * teacher + 10, 10 * teacher, "classes", 1.0)) == pytest.approx(1.0)


def test_the_teacher_sees_the_students_inputs_and_gets_no_gradient() -> None:
    teacher, student = nn.Linear(2, 3), nn.Linear(2, 3)
    mixer = Teacher(teacher, student, Distillation(weight=0.25, temperature=2.0), "classes")
    x = torch.randn(4, 2)
    loss = student(x).square().mean()
    expected = 0.75 * loss + 0.25 * output_distance(student(x), teacher(x), "classes", 2.0)
    mixed = mixer.mixed(loss)
    assert torch.allclose(mixed, expected)
    assert mixer.taught
    mixed.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is None for p in teacher.parameters())
    mixer.close()
    assert not student._forward_hooks


def test_outputs_that_do_not_allow_it_leave_the_loss_alone() -> None:
    class Two(nn.Linear):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
            return super().forward(x), x

    student = Two(2, 3)
    mixer = Teacher(Two(2, 3), student, Distillation(), "classes")
    loss = student(torch.ones(1, 2))[0].sum()
    assert mixer.mixed(loss) is loss
    assert not mixer.taught


def test_a_forward_call_is_used_once_and_evaluation_calls_are_not() -> None:
    student = nn.Linear(2, 3)
    mixer = Teacher(nn.Linear(2, 3), student, Distillation(), "classes")
    with torch.no_grad():
        student(torch.ones(1, 2))
    loss = torch.tensor(1.0)
    assert mixer.mixed(loss) is loss
