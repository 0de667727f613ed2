"""Which network and images does the CIFAR-10 benchmark prune?"""

import os
import tarfile
from collections.abc import Iterator
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from benchmarks.common import Options, accuracy, channels_last_, give_up, need
from torch import Tensor, nn

from secateur import Metric
from secateur.files import cache_path
from secateur.tasks import import_file

Batch = tuple[Tensor, Tensor]
VALIDATION = 2000  # test images that choose checkpoints
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)  # what the network was trained with
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def quickest_type() -> torch.dtype:
    """bfloat16 where the processor multiplies such numbers; emulated, they take many times longer."""
    able = torch.cpu.get_capabilities()  # x86-64: AVX-512 or AMX; Arm: of its own
    return torch.bfloat16 if any(able.get(n) for n in ("avx512_bf16", "amx_bf16", "bf16")) else torch.float32


class Quick(nn.Module):
    """A network that trains in `quickest_type`; its weights, what it answers, and evaluation stay float32."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = channels_last_(net)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of images."""
        quickly = self.training and quickest_type() == torch.bfloat16
        with torch.autocast("cpu", torch.bfloat16, enabled=quickly):
            logits: Tensor = self.net(x)
        return logits.float()


class Cifar10:
    """ResNet-20, trained on the JPEG images.

    It was trained on every training image, so those say nothing about how well a checkpoint generalises:
    the dense network would always win. 2,000 test images choose the checkpoints; the other 8,000 judge.
    """

    def __init__(self, options: Options) -> None:
        images = _images(need(options.data / "data" / "cifar10_jpg.tar.xz"))
        x, y = images["test_x"], images["test_y"]
        order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
        valid, test = order[:VALIDATION], order[VALIDATION:]
        few = 256 if options.quick else None
        self.train_set = images["train_x"], images["train_y"]
        self.valid_set = x[valid][:few], y[valid][:few]
        self.test_set = x[test][:few], y[test][:few]
        definitions = import_file(need(options.data / "models" / "models.py"))
        weights = torch.load(need(options.data / "models" / "cifar_resnet20_jpgft.pt"), weights_only=True)
        net: nn.Module = definitions.CifarResNet(3)
        net.load_state_dict(weights)
        self.model: nn.Module = Quick(net).eval()
        self.example_inputs = (_normal(self.test_set[0][:1]),)

    def batches(self) -> Iterator[Batch]:
        """Images shifted by up to 4 pixels, half of them mirrored."""
        x, y = self.train_set
        for rows in torch.split(torch.randperm(len(y)), 64):
            yield _normal(_augmented(x[rows])), y[rows]

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Cross-entropy."""
        x, y = batch
        return F.cross_entropy(model(x), y)

    def evaluate(self, model: nn.Module) -> Metric:
        """Accuracy on the 8,000 images, of the plain network in float32."""
        assert isinstance(model, Quick)
        return _accuracy(model.net, self.test_set)

    def validate(self, model: nn.Module) -> Metric:
        """Accuracy on the 2,000 images."""
        return _accuracy(model, self.valid_set)


def _accuracy(model: nn.Module, examples: Batch) -> Metric:
    return accuracy(lambda images: cast(Tensor, model(_normal(images))), *examples)


def _normal(images: Tensor) -> Tensor:
    """(n, 3, 32, 32) bytes as the network expects them."""
    return ((images.float() / 255 - MEAN) / STD).contiguous(memory_format=torch.channels_last)


def _augmented(images: Tensor) -> Tensor:
    """Each image shifted by -4 to 4 pixels along both axes, over black, and mirrored by chance."""
    n, size = len(images), images.shape[-1]
    padded = F.pad(images, (4, 4, 4, 4))
    along = torch.arange(size)
    columns = torch.where(torch.rand(n, 1) < 0.5, along, along.flip(0)) + torch.randint(0, 9, (n, 1))
    rows = along + torch.randint(0, 9, (n, 1))
    image, channel = torch.arange(n).view(n, 1, 1, 1), torch.arange(3).view(1, 3, 1, 1)
    return padded[image, channel, rows.view(n, 1, size, 1), columns.view(n, 1, 1, size)]


def _images(archive: Path) -> dict[str, Tensor]:
    """Bytes (n, 3, 32, 32) and labels of both splits, decoded once and kept in the user's cache folder."""
    cache = cache_path("cifar10_jpg.npz")
    if not cache.exists():
        print(f"Decoding {archive.name} into {cache.parent} ...", flush=True)
        decoded = _decoded(archive)
        cache.parent.mkdir(parents=True, exist_ok=True)
        partial = cache.with_suffix(f".{os.getpid()}.npz")
        np.savez(partial, **decoded)  # type: ignore[arg-type]
        partial.replace(cache)
    with np.load(cache) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def _decoded(archive: Path) -> dict[str, np.ndarray]:
    """`train|test/<class>/NNNN.jpg`: classes are numbered in the alphabet's order, as CIFAR-10 does."""
    try:
        image = import_module("PIL.Image")
    except ImportError:
        give_up("Decoding CIFAR-10's JPEGs, once, needs Pillow: pip install pillow.")
    found: dict[str, list[tuple[str, np.ndarray]]] = {"train": [], "test": []}
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member)
            if file is not None:
                split, kind, _ = member.name.split("/")
                pixels = np.asarray(image.open(BytesIO(file.read())).convert("RGB"))
                found[split].append((kind, pixels.transpose(2, 0, 1)))
    classes = sorted({kind for kind, _ in found["train"]})
    images = {f"{split}_x": np.stack([x for _, x in rows]) for split, rows in found.items()}
    labels = {f"{split}_y": np.array([classes.index(k) for k, _ in rows]) for split, rows in found.items()}
    return images | labels
