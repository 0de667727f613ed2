"""How much do zeros save on a microcontroller? `python -m benchmarks.devices`.

Each network is compiled twice by the same compiler: with all of its weights, and with the largest tenth of
each layer's. Both are built into `examples/firmware`, which QEMU runs with `-icount shift=0`: there SysTick
counts at 25 MHz and an instruction takes 1 ns, so that a tick is 40 instructions. They are instructions, not
cycles, and repeat exactly. `make devices` installs what this needs. SECATEUR_DATA names the folder that holds
`models/ic_resnet8.pt`; without it, a folder `shared` beside the repository is tried.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor, nn

from secateur.compiler import sources_of
from secateur.compiler.build import write
from secateur.compiler.elf import stored_bytes
from secateur.compiler.targets import target_of
from secateur.graph.trace import trace

ROOT = Path(__file__).parents[1]
FIRMWARE = ROOT / "examples" / "firmware"
SHARED = Path(os.environ.get("SECATEUR_DATA", ROOT / "../shared")).resolve()
INSTRUCTIONS = 40  # in a tick
SPARSITY = 0.9
PROCESSORS = ("cortex-m4", "cortex-m7")


class SpokenDigits(nn.Module):
    """(1, 1, 51 frames, 32 bands) -> 10 digits."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.ReLU()),
            *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.ReLU()),
            *(nn.Conv2d(64, 64, 3, padding=1), nn.ReLU()),
        )
        self.digit = nn.Linear(64, 10)

    def forward(self, frames: Tensor) -> Tensor:
        """Logits."""
        logits: Tensor = self.digit(self.layers(frames).mean((2, 3)))
        return logits


def resnet8() -> nn.Module:
    sys.path.insert(0, str(SHARED / "models"))
    from models import ResNet8  # type: ignore[import-not-found]

    net: nn.Module = ResNet8()
    net.load_state_dict(torch.load(SHARED / "models" / "ic_resnet8.pt", map_location="cpu"))
    return net


NETWORKS = {"ResNet-8": (resnet8, (1, 3, 32, 32)), "spoken digits": (SpokenDigits, (1, 1, 51, 32))}


def zeroed_(net: nn.Module) -> None:
    """The smallest weights of each layer become 0."""
    weights = [parameter for parameter in net.parameters() if parameter.dim() > 1]
    with torch.no_grad():
        for weight in weights:
            count = round(SPARSITY * weight.numel())
            weight.view(-1)[weight.abs().flatten().argsort()[:count]] = 0


def measured(net: nn.Module, x: Tensor, cpu: str, work: Path) -> dict[str, int]:
    """Instructions, flash and RAM of one network."""
    sources = sources_of(trace(net.eval(), (x,), any_batch=False), target_of(cpu), {})
    write(sources.files, work / "model")
    numbers = ", ".join(f"{float(v).hex()}f" for v in x.flatten())
    (work / "example.h").write_text(f"static const float example[] = {{{numbers}}};\n")
    options = (f"CPU={cpu}", "MODEL=model", "EXAMPLE=.", "OUT=build")
    command = ["make", "-s", "-f", str(FIRMWARE / "Makefile"), *options, "run"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    text = done.stdout + done.stderr
    if done.returncode:
        raise SystemExit(text)
    ticks = next(int(line.split()[1]) for line in text.splitlines() if line.startswith("ticks"))
    flags = [*target_of(cpu).flags, "-O2", "-fno-math-errno", "-I.", "-c", "model.c", "-o", "model.o"]
    subprocess.run(["arm-none-eabi-gcc", *flags], cwd=work / "model", check=True)
    code = stored_bytes((work / "model" / "model.o").read_bytes()) or 0
    return {
        "instructions": ticks * INSTRUCTIONS,
        "flash": sources.sizes.weights + code,
        "RAM": sources.sizes.ram,
    }


def main() -> None:
    print("| network | processor | | dense | 90 % zeros | ratio |\n|---|---|---|---:|---:|---:|")
    for name, (make, shape) in NETWORKS.items():
        for cpu in PROCESSORS:
            torch.manual_seed(0)
            dense, sparse = make(), make()
            sparse.load_state_dict(dense.state_dict())
            zeroed_(sparse)
            with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b:
                full = measured(dense, torch.rand(shape), cpu, Path(a))
                left = measured(sparse, torch.rand(shape), cpu, Path(b))
            for what, count in full.items():
                print(f"| {name} | {cpu} | {what} | {count:,} | {left[what]:,} | {count / left[what]:.2f} |")


if __name__ == "__main__":
    main()
