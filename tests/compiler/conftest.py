"""`pytest tests/compiler --renew-golden` writes the golden files anew."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew-golden", action="store_true", help="Write tests/compiler/golden anew.")
