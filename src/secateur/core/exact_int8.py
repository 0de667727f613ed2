"""How does ONNX Runtime compute int8 networks as they are written, on every processor?"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx
    import onnxruntime


def exact_session(
    model: bytes | Path, options: "onnxruntime.SessionOptions | None" = None
) -> "onnxruntime.InferenceSession":
    """A session on the processor whose sums of products of bytes are exact.

    On x86 processors without VNNI (AVX2 among them) ONNX Runtime adds two products in 16 bits, where they
    are clipped: answers were seen to be off by up to 15 % of their size. It then takes kernels that are
    slower, and clip nothing. Processors with VNNI compute as before.

    Raises:
        Exception: whatever ONNX Runtime raises for a graph that it does not open; its classes have no
            public base.
    """
    import onnxruntime

    options = options or onnxruntime.SessionOptions()
    options.add_session_config_entry("session.x64quantprecision", "1")
    try:
        return _session(model, options)
    except Exception:
        # For the exact kernels ONNX Runtime (1.32 among others) stores int8 weights a second time, under
        # a name made of the weight's, and fails on its second user: a tied weight.
        alone = untied(model)
        if alone is None:
            raise
        return _session(alone, options)


def _session(model: bytes | Path, options: "onnxruntime.SessionOptions") -> "onnxruntime.InferenceSession":
    import onnxruntime

    return onnxruntime.InferenceSession(
        model if isinstance(model, bytes) else str(model),
        options,
        providers=["CPUExecutionProvider"],
        enable_fallback=0,
    )


def untied(model: bytes | Path) -> bytes | None:
    """The model with an int8 weight of its own for each of its users; none where no weight is shared."""
    import onnx

    try:
        proto = onnx.load_from_string(model) if isinstance(model, bytes) else onnx.load(model)
    except Exception:  # what ONNX Runtime says of a file that cannot be read is the better message
        return None
    graph = proto.graph
    int8 = {each.name: each for each in graph.initializer if each.data_type == onnx.TensorProto.INT8}
    decoded = {
        node.output[0]: node
        for node in graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in int8
    }
    taken: set[str] = set()
    added: list[onnx.NodeProto] = []
    for number, (user, slot) in enumerate(_users(graph, decoded)):
        node = decoded[user.input[slot]]
        if not taken.intersection(node.input):
            taken.update(name for name in node.input if name in int8)
            continue
        own = onnx.NodeProto()
        own.CopyFrom(node)
        for place, name in enumerate(own.input):
            if name in int8:
                own.input[place] = f"{name}.own{number}"
                graph.initializer.add().CopyFrom(int8[name])
                graph.initializer[-1].name = own.input[place]
        own.name = own.output[0] = user.input[slot] = f"{node.output[0]}.own{number}"
        added.append(own)
    if not added:
        return None
    nodes = [*added, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return bytes(proto.SerializeToString())


def _users(
    graph: "onnx.GraphProto", values: dict[str, "onnx.NodeProto"]
) -> Iterator[tuple["onnx.NodeProto", int]]:
    """Each use of one of the values: the node and its input's number."""
    for node in graph.node:
        for slot, name in enumerate(node.input):
            if name in values:
                yield node, slot
