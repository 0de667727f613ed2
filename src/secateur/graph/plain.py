"""What is left of an exported graph when everything that is already known has been computed?"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx_ir


def plain_(graph: "onnx_ir.Model", *, rename: bool = True) -> None:
    """Take out the exporter's detours; parameters stay as they are, by name.

    `torch.onnx.export(optimize=False)` computes biases of zeros, axes and shapes with dozens of nodes, any
    of which between two layers keeps ONNX Runtime from joining them. Nodes that read a parameter
    stay (a transposed copy would lose the parameter's name), but for those that ask for its shape.

    Args:
        graph: in place.
        rename: whether names of nodes that are given, too, become operator and number.
    """
    import onnx_ir
    from onnx_ir.passes import common
    from onnxscript.optimizer import fold_constants

    from secateur.graph.folding import worth_folding

    parameters = set(graph.graph.initializers.values())

    def known(node: onnx_ir.Node) -> bool | None:
        """Fold it? None leaves the decision to onnxscript."""
        free = node.op_type == "Shape" or parameters.isdisjoint(node.inputs)
        return None if free and worth_folding(node) else False

    common.ShapeInferencePass()(graph)
    fold_constants(graph, should_fold=known)
    _write_out_shapes_(graph.graph)
    _drop_wrong_biases_(graph.graph)
    for clean in (
        common.IdentityEliminationPass(),
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.RemoveUnusedNodesPass(),
        common.RemoveUnusedOpsetsPass(),
        common.ClearMetadataAndDocStringPass(),
    ):
        clean(graph)
    _name_nodes_(graph.graph, rename)


def _write_out_shapes_(graph: "onnx_ir.Graph") -> None:
    """Reshape to a constant shape with -1 for the one size that is free, mostly the batch.

    The exporter computes it from the shape of an input, which takes as long as a small layer.
    """
    import onnx_ir

    for node in graph:
        computed = (
            node.op_type == "Reshape" and node.inputs[1] is not None and node.inputs[1].const_value is None
        )
        sizes = list(node.outputs[0].shape or ()) if computed else []
        fixed = [size if isinstance(size, int) else -1 for size in sizes]
        if fixed.count(-1) == 1 and 0 not in fixed:
            sizes_left = onnx_ir.tensor(np.array(fixed, np.int64))
            shape = onnx_ir.Value(
                name=f"{node.outputs[0].name}.shape",
                type=onnx_ir.TensorType(sizes_left.dtype),
                shape=onnx_ir.Shape([len(fixed)]),
                const_value=sizes_left,
            )
            graph.register_initializer(shape)
            node.replace_input_with(1, shape)


def _drop_wrong_biases_(graph: "onnx_ir.Graph") -> None:
    """The exporter gives a Conv3d without bias one of zeros, of shape (out, 2), which no runtime takes."""
    for node in graph:
        bias = node.inputs[2] if node.op_type == "Conv" and len(node.inputs) > 2 else None
        if bias is not None and bias.const_value is not None and len(bias.const_value.shape) != 1:
            node.replace_input_with(2, None)


def _name_nodes_(graph: "onnx_ir.Graph", rename: bool) -> None:
    """Give each node a name of its own, by which messages and ONNX Runtime's quantizer tell about it."""
    known: set[str | None] = {None, ""}
    for index, node in enumerate(graph):
        name, number = None if rename else node.name, index
        while name in known:
            name, number = f"{node.op_type}_{number}", number + len(graph)
        known.add(name)
        node.name = name
