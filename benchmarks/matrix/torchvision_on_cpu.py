"""How can torchvision's models be imported where its compiled operators do not fit PyTorch?

The package index has torchvision built for CUDA only. Beside a PyTorch without CUDA its library is not
loaded, and its import ends at "operator torchvision::nms does not exist". No network of the matrix calls
that operator: declaring its signature is enough.
"""

import importlib.util
import sys
from pathlib import Path

import torch

SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def prepare() -> None:
    """Declare torchvision's operators if its own library cannot; call it before `import torchvision`.

    Raises:
        ModuleNotFoundError: torchvision is not installed.
    """
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("torchvision is not installed. Try: pip install torchvision")
    built_for_cuda = "+cu" in Path(found.origin).with_name("version.py").read_text(encoding="utf-8")
    if "torchvision" in sys.modules or not built_for_cuda or torch.version.cuda is not None:
        return
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            torch.library.define(f"torchvision::{name}", SIGNATURE)
