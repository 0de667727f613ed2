"""How long does it take to find what hangs together in a network, and does that grow with its depth alone?

torchvision's ResNet-50 and ViT-B/16, and both with every block twice, on one image of 224x224.
"""

import gc
import time
from collections.abc import Callable
from statistics import median

import torch
from benchmarks.common import Sheet, give_up, options, table
from benchmarks.matrix import torchvision_on_cpu
from torch import Tensor, nn

from secateur.graph.structure import structure_of
from secateur.graph.trace import trace

GOALS = {"ResNet-50": 5.0, "ViT-B/16, 12 layers": 10.0}  # seconds for graph and groups
MEASURED = 3  # times each, the median is shown


def networks() -> dict[str, Callable[[], nn.Module]]:
    """Builders by the words of the table; each second one is the one before, twice as deep."""
    try:
        torchvision_on_cpu.prepare()
    except ModuleNotFoundError as error:
        give_up(str(error))
    from torchvision.models.resnet import Bottleneck, ResNet
    from torchvision.models.vision_transformer import VisionTransformer

    def vit(layers: int) -> nn.Module:
        wide = {"num_heads": 12, "hidden_dim": 768, "mlp_dim": 3072}
        model: nn.Module = VisionTransformer(224, 16, layers, **wide)
        return model

    return {
        "ResNet-50": lambda: ResNet(Bottleneck, [3, 4, 6, 3]),
        "ResNet-50, every block twice": lambda: ResNet(Bottleneck, [6, 8, 12, 6]),
        "ViT-B/16, 12 layers": lambda: vit(12),
        "ViT-B/16, 24 layers": lambda: vit(24),
    }


def took(call: Callable[[], object]) -> float:
    """Seconds of the processor."""
    gc.collect()  # so that no call pays for what the one before left
    before = time.process_time()
    call()
    return time.process_time() - before


def row(words: str, model: nn.Module, image: Tensor, times: int, before: float) -> tuple[list[str], float]:
    """The table's, and the seconds."""
    groups = len(structure_of(model, (image,)).coupling.groups)
    pairs = [
        (took(lambda: structure_of(model, (image,))), took(lambda: trace(model, (image,), any_batch=False)))
        for _ in range(times)
    ]
    seconds, export = (median(each) for each in zip(*pairs, strict=True))
    goal = GOALS.get(words)
    judged = f"under {goal:g} s: {'reached' if seconds < goal else 'missed'}" if goal else ""
    deeper = "" if goal else f"{seconds / before:.2f}"
    return [words, str(groups), f"{seconds:.1f}", f"{export:.1f}", deeper, judged], seconds


def main() -> None:
    """One network after the other."""
    with options("structure", "How long does it take to find what hangs together in a network?") as given:
        sheet = Sheet(given, "Seconds to find what hangs together")
        image = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
        structure_of(nn.Linear(2, 2), (torch.zeros(1, 2),))  # what is imported on first use is not counted
        rows, before = [], 0.0
        for words, build in networks().items():
            cells, before = row(words, build().eval(), image, 1 if given.quick else MEASURED, before)
            rows.append(cells)
            print(*cells, flush=True)
        header = ["network", "groups", "seconds", "of these the export", "times the one above", "goal"]
        text = (
            f"{table(header, rows)}\n\n"
            f"Graph and groups, `structure_of(model, example_inputs)`: seconds of one processor, medians of "
            f"{MEASURED}. The export is PyTorch's own. Twice as deep should take about twice as long."
        )
        sheet.put("torchvision's networks, one image of 224x224", text)
        print(f"\n{sheet}")


if __name__ == "__main__":
    main()
