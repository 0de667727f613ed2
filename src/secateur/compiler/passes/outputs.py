"""Which outputs does no operator compute: inputs, constants, and those that are asked for twice?"""

import onnx_ir


def own_outputs_(graph: onnx_ir.Model) -> None:
    """Each of them is copied to where the caller reads it, by an Identity of its own."""
    known = {value.name for node in graph.graph for value in node.outputs}
    known |= {value.name for value in (*graph.graph.inputs, *graph.graph.initializers.values())}
    seen: set[onnx_ir.Value] = set()
    for index, value in enumerate(graph.graph.outputs):
        maker = value.producer()
        if maker is None or maker.op_type == "Constant" or value in seen:
            name = f"{value.name}.answer"
            while name in known:
                name += "_"
            known.add(name)
            copy = onnx_ir.Value(name=name, shape=value.shape, type=value.type)
            graph.graph.append(onnx_ir.Node("", "Identity", [value], outputs=[copy], name=name))
            graph.graph.outputs[index] = copy
        seen.add(value)
