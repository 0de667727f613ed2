"""Which libraries does the matrix need, and how are they kept quiet?"""

import importlib.util
import logging
import warnings

import torch

NEEDED = ("torchvision", "timm", "transformers", "torch_pruning")


def missing() -> list[str]:
    """Libraries that are not installed."""
    return [name for name in NEEDED if importlib.util.find_spec(name) is None]


def quiet() -> None:
    """Libraries warn of what they will change one day; the exporter logs its inner life."""
    warnings.simplefilter("ignore")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    torch.set_num_threads(1)
