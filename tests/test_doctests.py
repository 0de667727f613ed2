"""The examples in docstrings do what they show."""

import doctest
import pkgutil
from importlib import import_module

import pytest

import secateur

MODULES = [
    found.name
    for found in pkgutil.walk_packages(secateur.__path__, "secateur.")
    if not found.name.endswith("__main__")  # importing it runs the command line
]
FINDER = doctest.DocTestFinder(exclude_empty=True)
EXAMPLES = [test for name in MODULES for test in FINDER.find(import_module(name)) if test.examples]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda test: test.name)
def test_example(example: doctest.DocTest) -> None:
    report: list[str] = []
    doctest.DocTestRunner().run(example, out=report.append)
    assert not report, "".join(report)


def test_the_main_entry_points_have_one() -> None:
    names = {test.name for test in EXAMPLES}
    assert {"secateur.masking.find_masks", "secateur.pruner.Pruner"} <= names
