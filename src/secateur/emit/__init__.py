"""A saved network as readable PyTorch: a module with plain layers, and its weights in safetensors."""

from secateur.emit.emit import Emitted, emit_python

__all__ = ["Emitted", "emit_python"]
