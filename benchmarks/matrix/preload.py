"""What takes the processes of the matrix long to import? It is imported once, and they fork from there."""

import importlib
import warnings

from benchmarks.matrix import torchvision_on_cpu
from benchmarks.matrix.libraries import NEEDED, quiet

with warnings.catch_warnings():
    quiet()
    torchvision_on_cpu.prepare()
    for name in (*NEEDED, "onnxruntime", "onnxscript", "benchmarks.matrix.catalogue", "secateur.surgery"):
        importlib.import_module(name)
