"""`benchmarks.compiled_models`: one architecture, and the page."""

import warnings
from collections.abc import Iterator

import pytest
import torch
from benchmarks import compiled_models
from benchmarks.compiled_models import Result, page, run_one
from benchmarks.matrix.architecture import Architecture, Input
from benchmarks.matrix.processes import Limits
from torch import Tensor, nn


class Doubles(nn.Module):
    """Of a type that is not compiled."""

    def forward(self, x: Tensor) -> Tensor:
        return x.double().sin()


KNOWN = {
    "few/linear": Architecture("few/linear", "few", lambda: nn.Linear(4, 3), (Input((4,)),)),
    "few/doubles": Architecture("few/doubles", "few", Doubles, (Input((4,)),)),
}


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(compiled_models, "catalogue", lambda: KNOWN)
    monkeypatch.setenv("XDG_CACHE_HOME", "")  # put back afterwards; run_one sets its own
    threads = torch.get_num_threads()
    with warnings.catch_warnings():
        yield
    torch.set_num_threads(threads)


def test_an_architecture_is_compiled_and_compared_or_refused_with_a_reason() -> None:
    stages: list[str] = []
    fine = run_one("few/linear", stages.append)
    assert (fine.verdict, fine.operators) == ("yes", "1 Gemm")
    assert stages == ["build", "trace", "compile", "compare"]
    refused = run_one("few/doubles")
    assert "float64" in refused.verdict
    assert refused.difference is None


def test_the_page_counts_what_is_right() -> None:
    results = {
        "few/linear": Result("few/linear", "1 Gemm", "", 2e-7),
        "few/doubles": Result("few/doubles", "1 Sin", "", 0.5),
    }
    text = page(list(KNOWN.values()), results, Limits(60, 2))
    assert "1 of 2 are compiled and right." in text
    assert "| few/linear | 1 Gemm | yes | 2.0e-07 |" in text
    assert "| few/doubles | 1 Sin | **wrong** | 5.0e-01 |" in text
