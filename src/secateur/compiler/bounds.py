"""Can a file from anyone be compiled without harm: is it consistent, and of a size that memory has?

Everything after this relies on it: shapes follow from operators, not from what the file declares; attributes
are those of the operators; no name stands for two values; and C's int can count the elements.
"""

import math

import onnx
import onnx_ir

from secateur.errors import CompileError

MOST = 2**31 - 1  # elements of a tensor: kernels count them with int
FARTHEST = 2**20  # of strides, paddings and dilations, so that their products fit an int
STORED = 4096  # bytes of a constant up to which shape inference may want to see it
WINDOWS = ("strides", "pads", "dilations", "kernel_shape", "output_padding", "output_shape")


def refuse_contradictions(graph: onnx_ir.Model) -> None:
    """The graph says what ONNX allows, and no size contradicts another.

    Args:
        graph: whose inputs have their sizes.

    Raises:
        CompileError: it does not.
    """
    _refuse_repeated_names(graph.graph)
    for node in graph.graph:
        _refuse_foreign(node)
        _refuse_attributes(node)
    try:
        inferred = onnx.shape_inference.infer_shapes(
            _without_weights(graph), check_type=True, strict_mode=True
        )
        for output in inferred.graph.output:
            output.type.tensor_type.shape.SetInParent()  # what folding may tell later is no contradiction
        onnx.checker.check_model(inferred)
    except Exception as error:  # onnx has an exception for each of the two, protobuf others
        why = " ".join(str(error).split())[:300]
        raise CompileError(
            f"The graph contradicts itself: {why}. Expected a model that onnx.checker.check_model(model, "
            "full_check=True) accepts: export it again."
        ) from error


def refuse_large(graph: onnx_ir.Model) -> None:
    """No tensor has more elements than can be counted.

    Raises:
        CompileError: one has, or the product of its sizes has no meaning.
    """
    made = [(value, node) for node in graph.graph for value in node.outputs]
    for value, node in [*((value, None) for value in graph.graph.inputs), *made]:
        sizes = [size for size in value.shape or () if isinstance(size, int)]
        by = f", of the operator {node.op_type} (node {node.name!r})," if node else ""
        if any(size < 1 for size in sizes):
            raise CompileError(f"{value.name!r}{by} has the shape {sizes}. Expected sizes of at least 1.")
        if math.prod(sizes) > MOST:
            raise CompileError(
                f"{value.name!r}{by} has the shape {sizes}: {math.prod(sizes):,} elements. Expected at most "
                f"{MOST:,} in one tensor; take smaller inputs, or a smaller batch."
            )


def _refuse_repeated_names(graph: onnx_ir.Graph) -> None:
    values = [*graph.inputs, *graph.initializers.values(), *(v for node in graph for v in node.outputs)]
    known: dict[str, onnx_ir.Value] = {}
    for value in values:
        if value.name and known.setdefault(value.name, value) is not value:
            raise CompileError(
                f"Two values of the graph have the name {value.name!r}. Expected names of their "
                "own, as in every valid ONNX model: export it again."
            )


def _refuse_foreign(node: onnx_ir.Node) -> None:
    if node.domain not in ("", "ai.onnx"):
        raise CompileError(
            f"The operator {node.op_type} (node {node.name!r}) is of {node.domain!r}, not of ONNX itself, "
            "and not one that secateur compiles. Compile the file as it was before a runtime optimised or "
            "quantised it (of int8 networks those in QDQ form are), or run it in ONNX Runtime."
        )


def _refuse_attributes(node: onnx_ir.Node) -> None:
    for name in WINDOWS:
        found = node.attributes.get(name)
        numbers = found.value if found is not None and isinstance(found.value, list | tuple) else ()
        if any(isinstance(number, int) and abs(number) > FARTHEST for number in numbers):
            raise CompileError(
                f"The operator {node.op_type} (node {node.name!r}) has {name} = {list(numbers)}. "
                f"Expected numbers of at most {FARTHEST:,}."
            )


def _without_weights(graph: onnx_ir.Model) -> onnx.ModelProto:
    """A copy in which large constants are inputs, and in which no shape but those of inputs is declared."""
    model = onnx_ir.to_proto(graph)
    model.ir_version = max(model.ir_version, 4)  # before it, every weight had to be an input as well
    del model.graph.value_info[:]
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    kept = []
    for tensor in model.graph.initializer:
        if len(tensor.raw_data) > STORED:
            model.graph.input.append(
                onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            )
        else:
            kept.append(tensor)
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    return model
