"""Everything that a process of the matrix imports, imported once for all of them."""

import importlib.util
import logging
import warnings

import torch
from benchmarks.matrix import torchvision_on_cpu

NEEDED = ("torchvision", "timm", "transformers", "torch_pruning")


def missing() -> list[str]:
    """Libraries that are not installed."""
    return [name for name in NEEDED if importlib.util.find_spec(name) is None]


def quiet() -> None:
    """Libraries warn of what they will change one day; the exporter logs its inner life."""
    warnings.simplefilter("ignore")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    torch.set_num_threads(1)


if not missing():
    with warnings.catch_warnings():
        quiet()
        torchvision_on_cpu.prepare()
        for library in (*NEEDED, "onnxruntime", "onnxscript"):
            importlib.import_module(library)
