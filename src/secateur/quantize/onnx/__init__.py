"""How does a trained network become an ONNX graph that ONNX Runtime runs in int8?"""

from secateur.quantize.onnx.convert import to_int8

__all__ = ["to_int8"]
