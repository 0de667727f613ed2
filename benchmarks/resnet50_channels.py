"""How much faster is ResNet-50 with half of its channels, and how long does it take to find out what goes?

Time: ResNet-50 with random weights on one image of 224x224, dense and cut, in ONNX Runtime. Graph and groups:
seconds for ResNet-50 and for a ViT-B, and for both with twice the layers.
"""

import copy
import time
from collections.abc import Callable, Mapping
from statistics import median

import onnx_ir
import torch
import torch.nn.functional as F
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
SECONDS = {"ResNet-50": 5.0, "ViT-B, 12 layers": 10.0}  # at most, for graph and groups
MEASURED = 3  # times each, the median is shown
ROUNDINGS = (1, 8, 16, 32)


def resnet(blocks: tuple[int, ...]) -> nn.Module:
    """ResNet-50 with (3, 4, 6, 3) blocks (arXiv 1512.03385)."""
    layers = [*convolution(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    wide = 64
    for narrow, count, stride in zip((64, 128, 256, 512), blocks, (1, 2, 2, 2), strict=True):
        for index in range(count):
            layers.append(Bottleneck(wide, narrow, stride if index == 0 else 1))
            wide = 4 * narrow
    return nn.Sequential(*layers, *classifier(wide)).eval()


class Block(nn.Module):
    """A layer of the Vision Transformer (arXiv 2010.11929): attention, then an MLP."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, tokens, width) of the next layer."""
        batch, tokens, _ = x.shape
        qkv = self.qkv(self.norm1(x)).reshape(batch, tokens, 3, self.heads, self.size)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        seen = F.scaled_dot_product_attention(query, key, value)
        x = x + self.out(seen.transpose(1, 2).reshape(batch, tokens, self.heads * self.size))
        mixed: Tensor = x + self.mlp(self.norm2(x))
        return mixed


class Vit(nn.Module):
    """ViT-B/16 on 224x224, with as many layers as asked for."""

    def __init__(self, layers: int, width: int = 768, heads: int = 12, image: int = 224) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 16, 16)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.Parameter(torch.zeros(1, (image // 16) ** 2 + 1, width))
        self.layers = nn.Sequential(*[Block(width, heads) for _ in range(layers)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 1000)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1) + self.places
        logits: Tensor = self.head(self.norm(self.layers(x))[:, 0])
        return logits


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
    model, images = resnet((3, 4, 6, 3)), torch.randn(1, 3, size, size)
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


def seconds(build: Callable[[], tuple[nn.Module, Tensor]], times: int) -> tuple[float, float, float, int]:
    """(wall, processor, of that the export, groups): medians of finding graph and groups."""
    model, images = build()
    wall, processor, export = [], [], []
    for _ in range(times):
        start, worked = time.perf_counter(), time.process_time()
        groups = len(structure_of(model, (images,)).coupling.groups)
        wall.append(time.perf_counter() - start)
        processor.append(time.process_time() - worked)
        worked = time.process_time()
        trace(model, (images,))
        export.append(time.process_time() - worked)
    return median(wall), median(processor), median(export), groups


def finding(given: Options) -> str:
    depth = 1 if given.quick else 12
    image = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    subjects: dict[str, Callable[[], tuple[nn.Module, Tensor]]] = {
        "ResNet-50": lambda: (resnet((3, 4, 6, 3)), image),
        "ResNet-50, every block twice": lambda: (resnet((6, 8, 12, 6)), image),
        f"ViT-B, {depth} layers": lambda: (Vit(depth).eval(), image),
        f"ViT-B, {2 * depth} layers": lambda: (Vit(2 * depth).eval(), image),
    }
    structure_of(nn.Linear(2, 2), (torch.zeros(1, 2),))  # what is imported on first use is not counted
    rows, before = [], 0.0
    for words, build in subjects.items():
        wall, processor, export, groups = seconds(build, 1 if given.quick else MEASURED)
        goal = SECONDS.get(words)
        deeper = "" if goal else f"{processor / before:.2f}"
        judged = "" if not goal else f"under {goal:g} s: {'reached' if wall < goal else 'missed'}"
        rows.append([words, str(groups), f"{wall:.1f}", f"{processor:.1f}", f"{export:.1f}", deeper, judged])
        before = processor
        print(*rows[-1], flush=True)
    header = [
        "network",
        "groups",
        "seconds",
        "of one processor",
        "of these the export",
        "times the one above",
    ]
    return (
        f"{table([*header, 'goal'], rows)}\n\n"
        "`structure_of(model, example_inputs)`, one thread: the graph, one run of it, groups and costs; "
        f"medians of {MEASURED}. The export is PyTorch's own. Twice as deep should take about twice as long."
    )


def main() -> None:
    with options("resnet50_channels", "How much faster is ResNet-50 with half of its channels?") as given:
        sheet = Sheet(given, "Half of ResNet-50's channels")
        sheet.put("Time in ONNX Runtime", speed(given))
        sheet.put("Seconds to find graph and groups", finding(given))
        print(f"\n{sheet}")


if __name__ == "__main__":
    main()
