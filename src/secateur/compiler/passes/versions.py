"""Which operators meant something else in older versions of ONNX?"""

import onnx_ir


def modernize_(graph: onnx_ir.Model) -> None:
    """Softmax before version 13 was one over all axes from `axis` on, which was 1 where nothing was said."""
    if graph.graph.opset_imports.get("", 13) >= 13:
        return
    for node in graph.graph:
        if node.op_type in ("Softmax", "LogSoftmax"):
            axis = node.attributes["axis"].as_int() if "axis" in node.attributes else 1
            node.attributes.add(onnx_ir.AttrInt64("axis", axis))
            node.attributes.add(onnx_ir.AttrInt64("flattens", 1))
