"""ONNX's own tests of the operators, of which `docs/operators.md` shows the whole list.

Those of functions written out in other operators are left to `python -m benchmarks.operators`.
"""

from pathlib import Path

import pytest
from benchmarks.operator_cases import OPERATORS, Case, cases, compilable, failures, groups
from benchmarks.operators import accepts

PAGE = Path(__file__).parents[2] / "docs" / "operators.md"


@pytest.fixture(scope="module")
def found() -> list[Case]:
    ready = [compilable(case)[0] for case in cases() if "_expanded" not in case.name]
    return [case for case in ready if case is not None]


@pytest.mark.filterwarnings("ignore")  # the package's generators divide by 0
def test_all_that_can_be_compiled_pass(found: list[Case]) -> None:
    allowed = {
        "resize_downsample_scales_linear_align_corners",
        "resize_downsample_scales_cubic_align_corners",
    }
    wrong: dict[str, str] = {}
    for group in groups(case for case in found if case.name not in allowed):
        wrong |= failures(group)
    assert wrong == {}
    assert len(found) > 400


def test_the_page_lists_every_operator() -> None:
    lines = PAGE.read_text().splitlines()
    for operator in OPERATORS:
        start = f"| {operator} | {accepts(operator)} |"
        assert any(line.startswith(start) for line in lines), f"renew the page: {operator}"
