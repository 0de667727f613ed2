"""Do kernels stay within their memory, and within what C defines, on odd shapes and odd numbers?"""

from pathlib import Path

import numpy as np
import pytest
import torch
from c_programs import lacks
from compiled_nets import NETS, graph, special, zeroed
from compiled_programs import answers, built
from torch import nn

from secateur.compiler import sources_of
from secateur.compiler.check import relative
from secateur.compiler.targets import target_of
from secateur.graph.trace import trace
from secateur.network_file.run import caller

SANITIZERS = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-march=native")


@pytest.fixture(scope="module")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    why = lacks(tmp_path_factory.mktemp("tiny"), "gcc", SANITIZERS)
    if why:
        pytest.skip(why)
    return ["gcc", *SANITIZERS]


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("target", ["native", "cortex-m4"])  # with vectors, and without
def test_kernels_read_and_write_their_own_memory(
    name: str, target: str, compiler: list[str], tmp_path: Path
) -> None:
    net, inputs = graph(name)
    expected = caller(net)
    sources = sources_of(graph(name)[0], target_of(target), {})
    program = built(sources, [*compiler, *(["-DLANES=1"] if target != "native" else [])], tmp_path)
    for y, wanted in zip(answers([program], sources, inputs), expected(inputs), strict=True):
        assert relative(y, wanted) < 1e-4
    odd = [special(x) for x in inputs]
    for y, wanted in zip(answers([program], sources, odd), expected(odd), strict=True):
        same = np.isfinite(wanted) | (not NETS[name][2])  # NaN * 0 is NaN, and zeros are not multiplied
        assert relative(y[same], wanted[same]) < 1e-4


@pytest.mark.parametrize("side", [14, 17, 19])
def test_tiles_end_where_planes_end(side: int, compiler: list[str], tmp_path: Path) -> None:
    """A 1x1 convolution whose input has padded planes, and whose output has not."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.Conv2d(3, 4, 1), nn.Flatten(2), nn.Softmax(1)
    )
    x = torch.randn(1, 2, side, side)
    model = trace(zeroed(net, 0.5), (x,), any_batch=False)
    (wanted,) = caller(model)([x.numpy()])
    sources = sources_of(model, target_of("x86-64-v3"), {})
    (y,) = answers([built(sources, compiler, tmp_path)], sources, [x.numpy()])
    assert relative(y, wanted) < 1e-4
