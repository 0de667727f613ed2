"""Which architectures does torchvision list, and how are they built small?"""

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.matrix import torchvision_on_cpu
from benchmarks.matrix.architecture import Architecture, Input
from benchmarks.matrix.detectors import Flow, OneStage, TwoStage
from torch import nn

TRANSFORMERS = ("vit_", "swin_", "maxvit_")
TWO_STAGE = ("fasterrcnn", "maskrcnn", "keypointrcnn")

SIZES = {  # the first prefix that fits; else 64 pixels
    "alexnet": 224,  # the mean over 7x7 (6x6) cells is exact at this size only
    "vgg": 224,
    "inception_v3": 96,
    "maxvit_t": 224,  # fixed
    "ssd300": 300,
    "ssdlite320": 320,
    "fcos": 128,  # five halvings and two more
    "retinanet": 128,
    "raft": 128,
    "s3d": 224,  # its last pooling needs it
    "mvit": 224,  # fixed
}
FRAMES = {"s3d": 16, "mvit": 16}  # else 8
OPTIONS: dict[str, dict[str, Any]] = {
    "vit_h_14": {"image_size": 56},
    "vit_": {"image_size": 64},
    "googlenet": {"aux_logits": False, "init_weights": False},  # else it draws for minutes
    "inception_v3": {"aux_logits": False, "init_weights": False},
}


def torchvision_models() -> list[Architecture]:
    """All that torchvision lists but the quantised ones, which are copies of others."""
    torchvision_on_cpu.prepare()
    from torchvision import models

    found = []
    for part, family, wrap in (
        (models, "", None),
        (models.segmentation, "torchvision: segmentation", None),
        (models.detection, "torchvision: detection", _network_of_detector),
        (models.video, "torchvision: video", None),
        (models.optical_flow, "torchvision: optical flow", Flow),
    ):
        for name in models.list_models(module=part):
            build = partial(_build, models.get_model, name, wrap)
            inputs = (_input(name, part is models.video),) * (2 if wrap is Flow else 1)
            found.append(Architecture(f"torchvision/{name}", family or _family(name), build, inputs))
    return found


def _family(name: str) -> str:
    kind = "transformers" if name.startswith(TRANSFORMERS) else "convolutional"
    return f"torchvision: classification, {kind}"


def _build(
    get_model: Callable[..., nn.Module], name: str, wrap: Callable[[nn.Module], nn.Module] | None
) -> nn.Module:
    options = dict(next((value for key, value in OPTIONS.items() if name.startswith(key)), {}))
    if wrap is _network_of_detector or "deeplab" in name or name.startswith(("fcn_", "lraspp")):
        options["weights_backbone"] = None
    model = get_model(name, weights=None, **options)
    return wrap(model) if wrap else model


def _network_of_detector(detector: nn.Module) -> nn.Module:
    return TwoStage(detector) if hasattr(detector, "roi_heads") else OneStage(detector)


def _input(name: str, video: bool) -> Input:
    size = next((value for key, value in SIZES.items() if name.startswith(key)), 64)
    size = OPTIONS["vit_h_14"]["image_size"] if name == "vit_h_14" else size
    if not video:
        return Input((3, size, size))
    return Input((3, next((value for key, value in FRAMES.items() if name.startswith(key)), 8), size, size))
