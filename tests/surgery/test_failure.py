from typing import Any

import pytest
import torch
from torch import Tensor, nn

from secateur.surgery.failure import Failure, explained, first_line, line_of, lines_inside, watching
from secateur.surgery.sizes import Sizes


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.width = 6

    def forward(self, x: Tensor) -> Any:
        return x.reshape(-1, self.width)


class Tolerant(nn.Module):
    """Goes on after an error of a module inside."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = Inner()

    def forward(self, x: Tensor) -> Any:
        try:
            return self.broken(x)
        except RuntimeError:
            return x


def test_the_innermost_module_that_failed_is_known() -> None:
    model = nn.Sequential(nn.Identity(), nn.Sequential(nn.Identity(), Inner()))
    with watching(model) as watch, pytest.raises(RuntimeError) as raised:
        model(torch.zeros(4))
    assert (watch.inside, watch.done) == (["", "1", "1.1"], 2)
    assert line_of(raised.value).startswith("test_failure.py:")
    assert line_of(raised.value).endswith(": return x.reshape(-1, self.width)")
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_modules_that_catch_errors_leave_as_all_others() -> None:
    model = nn.Sequential(Tolerant(), Inner())
    with watching(model) as watch, pytest.raises(RuntimeError):
        model(torch.zeros(4))
    assert watch.inside == ["", "1"]


def test_the_explanation_names_module_line_groups_attribute_and_remedy() -> None:
    model = nn.Sequential(Inner())
    near = {"0": Sizes(widths={6: {4: 0}}, groups={"up": None, "gate": None})}
    with pytest.raises(RuntimeError) as raised:
        model(torch.zeros(4))
    failure = Failure(["", "0"], (0,), first_line(raised.value), raised.value)
    said = explained(model, near, failure)
    assert said.short.startswith("the code of Inner '0' does not follow (test_failure.py:")
    assert said.short.endswith("it may be 0.width = 6")
    for words in (
        "Inner '0' failed at test_failure.py:",
        "shape '[-1, 6]' is invalid",
        "Cut there: up, gate.",
        "0.width = 6",
        "skip",
        "reshape(b, n, -1)",
    ):
        assert words in said.message
    assert said.cause is raised.value


class TwoLines(nn.Module):
    def __init__(self, first: int, second: int) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor) -> Any:
        x = x.reshape(-1, self.first)
        return x.reshape(-1, self.second)


def test_a_failure_further_down_is_progress() -> None:
    """As where one attribute of two was found."""

    def lines(*widths: int) -> tuple[int, ...]:
        with pytest.raises(RuntimeError) as raised:
            nn.Sequential(TwoLines(*widths))(torch.zeros(4))
        return lines_inside(raised.value)

    assert len(lines(3, 3)) == 2
    assert lines(3, 3) == lines(3, 2) < lines(2, 3)


def test_an_error_without_words_goes_by_its_name() -> None:
    assert first_line(ValueError()) == "ValueError"
    assert first_line(ValueError("one.\ntwo")) == "one"
