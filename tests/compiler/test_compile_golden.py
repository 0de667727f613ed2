"""Is the C of five small networks what it was? Else, if it should: `pytest tests/compiler --renew-golden`.

A change of the golden files is read like any other: it shows what a change of the compiler does to the C.
"""

from pathlib import Path

import pytest
from compiled_nets import graph

from secateur.compiler import sources_of
from secateur.compiler.targets import target_of
from secateur.version import VERSION

GOLDEN = Path(__file__).parent / "golden"
NETWORKS = (  # network, target, threads
    ("linear", "x86-64-v2", 2),
    ("one pixel", "x86-64-v4", 1),
    ("one pixel", "cortex-m4", 1),
    ("signal", "cortex-m7", 1),
    ("residual", "aarch64", 1),
)
FILES = ("model.c", "model.h", "sizes.json")


@pytest.mark.parametrize(("name", "target", "threads"), NETWORKS)
def test_the_c_is_what_it_was(name: str, target: str, threads: int, request: pytest.FixtureRequest) -> None:
    written = sources_of(graph(name)[0], target_of(target), {}, threads).files
    folder = GOLDEN / f"{name} {target}".replace(" ", "-")
    for file in FILES:
        text = written[file].decode().replace(f"secateur {VERSION}", "secateur VERSION")
        if request.config.getoption("--renew-golden", default=False):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(text)
        assert text == (folder / file).read_text(), f"{folder / file} differs; see above how to renew it"
