"""How much faster is ResNet-50 with half of its channels?

ResNet-50 with random weights on one image of 224x224, dense and cut, in ONNX Runtime.
"""

import copy
from collections.abc import Mapping

import onnx_ir
import torch
from benchmarks.common import Options, Sheet, options, table
from benchmarks.int8 import Bottleneck, classifier, convolution, processor_times
from torch import Tensor, nn

from secateur import Recipe
from secateur.allocation import GlobalRank, Uniform
from secateur.core.protocols import Allocation
from secateur.criteria import Random
from secateur.graph.cost import multiply_adds
from secateur.graph.structure import Structure, structure_of
from secateur.graph.trace import trace
from secateur.graph.values import look
from secateur.masking import find_masks
from secateur.measure.latency import Timing, time_calls
from secateur.measure.runtimes import onnx_call
from secateur.patterns import Channels
from secateur.surgery import cut

FASTER = 3.0  # times, the goal for half of the channels
ROUNDINGS = (1, 8, 16, 32)


def resnet50() -> nn.Module:
    """As in arXiv 1512.03385."""
    layers = [*convolution(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    wide = 64
    for narrow, count, stride in zip((64, 128, 256, 512), (3, 4, 6, 3), (1, 2, 2, 2), strict=True):
        for index in range(count):
            layers.append(Bottleneck(wide, narrow, stride if index == 0 else 1))
            wide = 4 * narrow
    return nn.Sequential(*layers, *classifier(wide)).eval()


def removed(
    model: nn.Module, structure: Structure, images: Tensor, allocation: Allocation, round_to: int
) -> tuple[nn.Module, float]:
    """A copy without half of the channels, and how far its answers are from the masked network's."""
    recipe = Recipe(
        sparsity=0.5,
        criterion=Random(0),
        pattern=Channels(round_to=round_to),
        allocation=allocation,
        measure="channels",
    )
    smaller = copy.deepcopy(model)
    masks = find_masks(smaller, recipe, structure=structure)
    done = cut(smaller, masks, structure.coupling.groups, example_inputs=(images,))
    return smaller, done.certificate.relative


def speed(given: Options) -> str:
    size, runs = (64, 3) if given.quick else (224, 60)
    torch.manual_seed(0)
    model, images = resnet50(), torch.randn(1, 3, size, size)
    structure = structure_of(model, (images,))
    networks: dict[str, tuple[nn.Module, float | None]] = {"dense": (model, None)}
    networks["half of every layer"] = removed(model, structure, images, Uniform(), 8)
    for step in ROUNDINGS:
        words = f"half of all, round_to = {step}"
        networks[words] = removed(model, structure, images, GlobalRank(), step)
    graphs = {words: trace(net, (images,)) for words, (net, _) in networks.items()}
    calls = {
        words: onnx_call(onnx_ir.to_proto(graph).SerializeToString(), threads=1, batch=1)
        for words, graph in graphs.items()
    }
    took = time_calls(calls, warmup=5, runs=runs, budget_s=120)
    spent = processor_times(calls, max(3, runs // 4))
    work = {words: multiply_adds(graph, look(graph, [images.numpy()])) for words, graph in graphs.items()}
    rows = [_row(words, net, work, took, spent, difference) for words, (net, difference) in networks.items()]
    return _speed_text(rows)


def _row(
    words: str,
    net: nn.Module,
    work: Mapping[str, int],
    took: Mapping[str, Timing],
    spent: Mapping[str, float],
    difference: float | None,
) -> list[str]:
    timing, dense = took[words], took["dense"]
    return [
        words,
        f"{work[words] / 1e6:,.0f}",
        f"{work['dense'] / work[words]:.2f}",
        f"{sum(p.numel() for p in net.parameters()) / 1e6:.2f}",
        f"{timing.median:.1f} ({timing.p10:.1f} to {timing.p90:.1f})",
        f"{dense.median / timing.median:.2f}",
        f"{spent['dense'] / spent[words]:.2f}",
        f"{work[words] / 1e6 / timing.median:.0f}",
        "" if difference is None else f"{difference:.1e}",
    ]


def _speed_text(rows: list[list[str]]) -> str:
    header = ["ResNet-50", "multiply-adds, millions", "times fewer", "parameters, millions"]
    header += ["ms, ONNX Runtime", "times less", "by processor time", "millions of multiply-adds in 1 ms"]
    header.append("cut against masked, relative")
    return (
        f"{table(header, rows)}\n\n"
        f"Goal: half of the channels in {FASTER:g} times less. One image of 224x224, one thread; medians "
        '(10th to 90th percentile) of interleaved calls. "By processor time" compares what the thread '
        "computes; other work on the machine does not add to that. Which channels go is left to chance. Half "
        "of every layer leaves widths of 32 to 1,024, multiples of 32; half of all leaves uneven ones."
    )


def main() -> None:
    with options("resnet50_channels", "How much faster is ResNet-50 with half of its channels?") as given:
        sheet = Sheet(given, "Half of ResNet-50's channels")
        sheet.put("Time in ONNX Runtime", speed(given))
        print(f"\n{sheet}")


if __name__ == "__main__":
    main()
