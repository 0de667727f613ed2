"""The `.sct` file: a network's graph and tensors, small, checked, and safe to open.

Light to import: ONNX and ONNX Runtime are imported when they are used, torch never.
"""

from secateur.artifact.container import Container, read, write
from secateur.artifact.inspection import Inspection, inspect
from secateur.artifact.network import Network, load
from secateur.artifact.pack import Packed, pack
from secateur.artifact.plain import onnx_bytes, unpack
from secateur.artifact.stream_figures import StreamFigures, stream_figures

__all__ = [
    "Container",
    "Inspection",
    "Network",
    "Packed",
    "StreamFigures",
    "inspect",
    "load",
    "onnx_bytes",
    "pack",
    "read",
    "stream_figures",
    "unpack",
    "write",
]
