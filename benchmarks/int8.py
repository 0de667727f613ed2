"""Is int8 faster than float in ONNX Runtime, and as accurate?

Time: ResNet-50 and MobileNetV1 with random weights on one image of 224x224. The float that they are compared
with is ONNX Runtime's best: the graph without the exporter's detours, so that it, too, joins BatchNorm and
activation with the convolution. Accuracy: trained networks on their whole test sets, calibrated on training
images.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import onnx
import onnx_ir
import torch
import torch.nn.functional as F
from benchmarks.cifar10_task import MEAN, STD, Cifar10
from benchmarks.common import Options, Sheet, accuracy, need, options, table
from benchmarks.mnist_task import Mnist
from torch import Tensor, nn

from secateur.core.exact_int8 import exact_session
from secateur.graph.trace import trace
from secateur.measure.latency import Timing, time_calls
from secateur.measure.runtimes import onnx_call
from secateur.quantize.onnx import to_int8
from secateur.quantize.onnx.ranges import RANGES
from secateur.tasks import import_file

FASTER = 2.5  # times, the goal
LOST = 0.3  # points of accuracy at most
CALIBRATION = 512  # training images
CALLS = 5  # in one measurement of processor time


class Bottleneck(nn.Module):
    """ResNet's block of three convolutions (arXiv 1512.03385), stride in the 3x3 one."""

    def __init__(self, wide: int, narrow: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *convolution(wide, narrow, 1),
            nn.ReLU(),
            *convolution(narrow, narrow, 3, stride),
            nn.ReLU(),
            *convolution(narrow, 4 * narrow, 1),
        )
        same = stride == 1 and wide == 4 * narrow
        self.shortcut = nn.Sequential(*([] if same else convolution(wide, 4 * narrow, 1, stride)))

    def forward(self, x: Tensor) -> Tensor:
        """Features of the next block."""
        return torch.relu(self.body(x) + self.shortcut(x))


def convolution(inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    layer = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
    return [layer, nn.BatchNorm2d(outputs)]


def classifier(channels: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000)]


def resnet50() -> nn.Module:
    layers = [*convolution(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    wide = 64
    for narrow, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for index in range(blocks):
            layers.append(Bottleneck(wide, narrow, stride if index == 0 else 1))
            wide = 4 * narrow
    return nn.Sequential(*layers, *classifier(wide))


def mobilenet_v1() -> nn.Module:
    """Depthwise and 1x1 convolutions in turn (arXiv 1704.04861)."""
    layers = [*convolution(3, 32, 3, 2), nn.ReLU6()]
    widths = [32, 64, 128, 128, 256, 256, *[512] * 6, 1024, 1024]
    for index, (inputs, outputs) in enumerate(pairwise(widths)):
        stride = 2 if index in (1, 3, 5, 11) else 1
        layers += [*convolution(inputs, inputs, 3, stride, groups=inputs), nn.ReLU6()]
        layers += [*convolution(inputs, outputs, 1), nn.ReLU6()]
    return nn.Sequential(*layers, *classifier(1024))


@dataclass(frozen=True)
class Trained:
    """A trained network, with images as bytes or numbers, and what turns them into its input."""

    words: str
    model: nn.Module
    prepared: Callable[[Tensor], Tensor]
    train: Tensor
    test: tuple[Tensor, Tensor]


def trained(options: Options) -> list[Trained]:
    definitions = import_file(need(options.data / "models" / "models.py"))

    def loaded(name: str, model: nn.Module) -> nn.Module:
        weights = torch.load(need(options.data / "models" / f"{name}.pt"), weights_only=True)
        model.load_state_dict(weights)
        return model.eval()

    cifar, mnist = Cifar10(options), Mnist(options, nn.Identity)
    images, labels = zip(cifar.valid_set, cifar.test_set, strict=True)
    test = torch.cat(images), torch.cat(labels)
    resnet20 = loaded("cifar_resnet20_jpgft", definitions.CifarResNet(3))
    resnet8 = loaded("ic_resnet8", definitions.ResNet8())
    lenet = loaded("mnist_lenet5", definitions.LeNet5())
    return [
        Trained(
            "ResNet-20, CIFAR-10",
            resnet20,
            lambda x: (x.float() / 255 - MEAN) / STD,
            cifar.train_set[0],
            test,
        ),
        Trained("ResNet-8, CIFAR-10", resnet8, lambda x: x.float(), cifar.train_set[0], test),
        Trained(
            "LeNet-5, MNIST",
            lenet,
            lambda x: F.interpolate(x, size=32, mode="bilinear"),
            mnist.train_set[0],
            mnist.test_set,
        ),
    ]


def measured(model: onnx.ModelProto, net: Trained) -> float:
    """Accuracy in percent."""
    session = exact_session(model.SerializeToString())
    name = session.get_inputs()[0].name

    def logits(images: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {name: net.prepared(images).numpy()})[0])

    return 100 * accuracy(logits, *net.test).value


def accuracies(net: Trained) -> list[list[str]]:
    """Rows of the table."""
    rows = torch.randperm(len(net.train), generator=torch.Generator().manual_seed(0))[:CALIBRATION]
    images = net.prepared(net.train[rows])
    dense = onnx_ir.to_proto(trace(net.model, (images[:1],)))
    before, size = measured(dense, net), dense.ByteSize()
    cells = []
    for method in RANGES:
        int8 = to_int8(dense, [[batch.numpy()] for batch in torch.split(images, 64)], method=method)
        after = measured(int8, net)
        cells.append(
            [
                net.words,
                method,
                f"{before:.2f}",
                f"{after:.2f}",
                f"{after - before:+.2f}",
                "reached" if before - after <= LOST else "missed",
                f"{size:,}",
                f"{int8.ByteSize():,}",
                f"{size / int8.ByteSize():.2f}",
            ]
        )
        print(*cells[-1], flush=True)
    return cells


def times(words: str, model: nn.Module, images: Tensor, runs: int) -> list[list[str]]:
    """Rows of the table, one for each number of threads."""
    graph = onnx_ir.to_proto(trace(model.eval(), (images[:1],)))
    models = {"float": graph, "int8": to_int8(graph, [[images.numpy()]])}
    cells = []
    for threads in (1, 2):
        calls = {k: onnx_call(m.SerializeToString(), threads=threads, batch=1) for k, m in models.items()}
        took = time_calls(calls, warmup=5, runs=runs, budget_s=60)
        spent = processor_times(calls, runs) if threads == 1 else {}
        row = [words, str(threads), *(_shown(timing) for timing in took.values())]
        faster = f"{took['float'].median / took['int8'].median:.2f}"
        cells.append([*row, faster, f"{spent['float'] / spent['int8']:.2f}" if spent else ""])
        print(*cells[-1], flush=True)
    return cells


def processor_times(calls: Mapping[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """Median seconds that this thread computes in one call: a call's time, were the machine its own.

    That holds for one thread only, and without the time in which other programs have the processor.
    """
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(runs):
        for name, call in calls.items():
            call()
            start = time.thread_time()
            for _ in range(CALLS):
                call()
            samples[name].append((time.thread_time() - start) / CALLS)
    return {name: median(sample) for name, sample in samples.items()}


def _shown(timing: Timing) -> str:
    digits = 1 if timing.median > 10 else 3
    return f"{timing.median:.{digits}f} ({timing.p10:.{digits}f} to {timing.p90:.{digits}f})"


def speed(given: Options, nets: list[Trained]) -> str:
    size, runs = (64, 3) if given.quick else (224, 60)
    torch.manual_seed(0)
    images = torch.randn(4, 3, size, size)
    cells = [
        *times("ResNet-50", resnet50(), images, runs),
        *times("MobileNetV1", mobilenet_v1(), images, runs),
    ]
    for net in nets:
        cells += times(net.words, net.model, net.prepared(net.train[:16]), runs)
    header = ["network", "threads", "fp32, ms", "int8, ms", "times faster"]
    header.append("by processor time")
    return (
        f"{table(header, cells)}\n\n"
        f"Goal: {FASTER} times for ResNet-50 and MobileNetV1. Medians (10th to 90th percentile) of "
        "interleaved calls with one image. The last column compares the time that one thread computes; other "
        "work on the machine does not add to that."
    )


def loss(nets: list[Trained]) -> str:
    cells = [row for net in nets for row in accuracies(net)]
    header = ["network", "ranges", "fp32, %", "int8, %", "points", f"at most {LOST} lost"]
    header += ["fp32 ONNX, bytes", "int8 ONNX, bytes", "times smaller"]
    note = f"Accuracy on 10,000 test images; calibrated on {CALIBRATION} training images."
    return f"{table(header, cells)}\n\n{note}"


def main() -> None:
    with options("int8", "Is int8 faster than float in ONNX Runtime, and as accurate?") as given:
        sheet = Sheet(given, "int8 in ONNX Runtime")
        nets = trained(given)
        sheet.put("Time", speed(given, nets))
        sheet.put("Accuracy", loss(nets))
        print(f"\n{sheet}")


if __name__ == "__main__":
    main()
