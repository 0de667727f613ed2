"""How many windows does a pooling operator have?

With `ceil_mode`, a last window that lies in the padding behind the image alone is dropped: by PyTorch and by
ONNX Runtime, but not by ONNX's shape inference.
"""

import onnx_ir

from secateur.errors import CompileError

POOLS = ("AveragePool", "LpPool", "MaxPool")


def trim_windows_(graph: onnx_ir.Model) -> bool:
    """Write such a pool without `ceil_mode`, with as much padding as its windows reach; whether any was.

    Raises:
        CompileError: its averages count padding, and along another axis windows reach beyond it.
    """
    found = False
    for node in graph.graph:
        x = node.inputs[0] if node.op_type in POOLS and node.attributes.get_int("ceil_mode", 0) == 1 else None
        if x is None or x.shape is None or node.attributes.get_string("auto_pad", "NOTSET") != "NOTSET":
            continue
        kernel = node.attributes.get_ints("kernel_shape", [])
        sizes, rank = [size for size in x.shape[2:] if isinstance(size, int)], len(kernel)
        if len(sizes) != rank:
            continue
        pads = list(node.attributes.get_ints("pads", [0] * 2 * rank))
        strides = node.attributes.get_ints("strides", [1] * rank)
        dilations = node.attributes.get_ints("dilations", [1] * rank)
        reach = [(k - 1) * dilation + 1 for k, dilation in zip(kernel, dilations, strict=True)]
        axes = zip(sizes, reach, strides, pads[:rank], pads[rank:], strict=True)
        beyond, ends = zip(*(_end(*axis) for axis in axes), strict=True)
        if not any(beyond):
            continue
        counts = node.op_type == "AveragePool" and node.attributes.get_int("count_include_pad", 0) == 1
        if counts and any(end > after for end, after in zip(ends, pads[rank:], strict=True)):
            raise CompileError(
                f"The operator {node.op_type} (node {node.name!r}) has ceil_mode and count_include_pad, and "
                "windows end in its padding along one axis and behind it along another. Expected one of "
                "them alone: export it with ceil_mode=False."
            )
        node.attributes["pads"] = onnx_ir.AttrInt64s("pads", [*pads[:rank], *ends])
        node.attributes["ceil_mode"] = onnx_ir.AttrInt64("ceil_mode", 0)
        found = True
    return found


def _end(size: int, reach: int, stride: int, before: int, after: int) -> tuple[bool, int]:
    """Whether the last window would see padding alone, and the padding behind that the others reach."""
    last = -(-(size + before + after - reach) // stride)  # its number, counted up from 0
    beyond = last * stride >= size + before
    needed = (last - beyond) * stride + reach - size - before
    return beyond, max(0, needed) if beyond else max(after, needed)
