"""How does ONNX Runtime compute int8 networks as they are written, on every processor?"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnxruntime


def exact_int8_(options: "onnxruntime.SessionOptions") -> None:
    """Let sums of products of bytes be exact.

    On x86 processors without VNNI (AVX2 among them) ONNX Runtime adds two products in 16 bits, where they
    are clipped: answers were seen to be off by up to 15 % of their size. It then takes kernels that are
    slower, and clip nothing. Processors with VNNI compute as before.
    """
    options.add_session_config_entry("session.x64quantprecision", "1")
