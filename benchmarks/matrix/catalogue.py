"""Which architectures are in the matrix, and which few stand for them?"""

from collections.abc import Callable
from functools import cache

from benchmarks.matrix.architecture import Architecture
from benchmarks.matrix.judge import ignore, judge
from benchmarks.matrix.libraries import quiet
from benchmarks.matrix.result import Result, Tool
from benchmarks.matrix.timm_models import timm_models
from benchmarks.matrix.torchvision_models import torchvision_models
from benchmarks.matrix.transformers_models import transformers_models

FAST = [
    "torchvision/resnet18",
    "torchvision/mobilenet_v3_small",
    "torchvision/shufflenet_v2_x0_5",
    "torchvision/squeezenet1_1",
    "torchvision/lraspp_mobilenet_v3_large",
    "timm/regnetx_002",
    "timm/lcnet_050",
    "timm/convnext_atto",
    "timm/vit_tiny_patch16_224",
    "timm/levit_128s",
    "timm/resmlp_12_224",
    "transformers/bert",
    "transformers/llama",
    "transformers/swin",
    "transformers/clip",
    "transformers/detr",
]


@cache
def catalogue() -> dict[str, Architecture]:
    """All architectures by name, family by family."""
    return {a.name: a for a in [*torchvision_models(), *timm_models(), *transformers_models()]}


def run_one(name: str, tool: Tool, tell: Callable[[str], None] = ignore) -> Result:
    """Judge one tool on one architecture, in this process and without limits."""
    quiet()
    return judge(catalogue()[name], tool, tell)
