"""Which nodes are scaled dot-product attention?

    softmax(q k^T * scale + mask) v

PyTorch's exporter shares the scale among q and k; other networks have it after the product.
"""

import numpy as np
import onnx_ir

from secateur.emit.rewrites.match import Value, made_by, number, other, put_, rank

HIDDEN = -1e4  # scores so low have no weight; half precision cannot write much lower ones


def join_swap_(node: onnx_ir.Node) -> bool:
    """The last two axes swapped: Transpose, alone or between two Reshapes."""
    if node.op_type == "Transpose":
        x, order = node.inputs[0], tuple(node.attributes.get_ints("perm", ()))
        count = len(order)
        if x is None or count < 3 or order != (*range(count - 2), count - 1, count - 2):
            return False
        put_(node, "SwapLast", [x])
        return True
    turned = made_by(node.inputs[0], "SwapLast") if node.op_type == "Reshape" else None
    flat = None if turned is None else made_by(turned.inputs[0], "Reshape")
    x = None if flat is None else flat.inputs[0]
    if x is None or x.shape is None or node.outputs[0].shape is None or flat is None:
        return False
    before, between, after = (tuple(v.shape or ()) for v in (x, flat.outputs[0], node.outputs[0]))
    if len(before) < 3 or before[-2:] != between[-2:] or not _agree(after, (*before[:-2], *before[:-3:-1])):
        return False
    put_(node, "SwapLast", [x])
    return True


def join_attention_(node: onnx_ir.Node) -> bool:
    """Put Attention (q, k, v, mask)."""
    softmax = _softmax(made_by(node.inputs[0], "Softmax", "Where")) if node.op_type == "MatMul" else None
    if softmax is None or softmax.attributes.get_int("axis", -1) not in (-1, _last(softmax)):
        return False
    found, mask = _queries_and_keys(softmax.inputs[0]), None
    add = made_by(softmax.inputs[0], "Add")
    if add is not None:
        both = [(_queries_and_keys(a), other(add, a)) for a in add.inputs]
        found, mask = next((pair for pair in both if pair[0]), (None, None))
    if found is None or not _alike(found[0], found[1], node.inputs[1]):
        return False
    q, k, scale = found
    causal = _causal(mask)
    masks = [mask] if mask is not None and not causal else []
    put_(node, "Attention", [q, k, node.inputs[1], *masks], {"scale": scale, "is_causal": int(causal)})
    return True


def _last(node: onnx_ir.Node) -> int:
    return (rank(node.outputs[0]) or 0) - 1


def _softmax(node: onnx_ir.Node | None) -> onnx_ir.Node | None:
    """The softmax, also where its NaNs, those of rows without any key, are made zero."""
    if node is None or node.op_type == "Softmax":
        return node
    softmax = None if node.inputs[2] is None else node.inputs[2].producer()
    guard = None if node.inputs[0] is None else node.inputs[0].producer()
    if softmax is None or guard is None or (softmax.op_type, guard.op_type) != ("Softmax", "IsNaN"):
        return None
    uses = {use.node for use in softmax.outputs[0].uses()}
    return softmax if uses == {node, guard} and not softmax.outputs[0].is_graph_output() else None


def _queries_and_keys(scores: Value | None) -> tuple[Value, Value, float] | None:
    """q, k and the scale, of the scores that softmax gets."""
    inner, scale = _unscaled(scores)
    product = made_by(inner, "MatMul")
    if product is None:
        return None
    (q, of_q), (turned, of_turned) = (_unscaled(value) for value in product.inputs)
    swap = made_by(turned, "SwapLast")
    if q is None or swap is None or swap.inputs[0] is None:
        return None
    return q, swap.inputs[0], scale * of_q * of_turned


def _unscaled(value: Value | None) -> tuple[Value | None, float]:
    """What a number was multiplied with or divided by, and the factor."""
    node = made_by(value, "Mul", "Div")
    if node is None:
        return value, 1.0
    factor = number(node.inputs[1])
    if factor:
        return node.inputs[0], factor if node.op_type == "Mul" else 1 / factor
    first = number(node.inputs[0])
    return (node.inputs[1], first) if node.op_type == "Mul" and first is not None else (value, 1.0)


def _alike(q: Value, k: Value, v: Value | None) -> bool:
    """Whether the three have the same batch and heads, so that PyTorch takes them."""
    shapes = [tuple(value.shape or ()) for value in (q, k, v) if value is not None]
    same = len(shapes) == 3 and all(_agree(shape[:-2], shapes[0][:-2]) for shape in shapes)
    return same and len(shapes[0]) > 2


def _agree(one: tuple[object, ...], other: tuple[object, ...]) -> bool:
    """Whether shapes are the same where both are known; of free sizes a graph does not always say it."""
    pairs = zip(one, other, strict=False)
    return len(one) == len(other) and all(
        a == b for a, b in pairs if isinstance(a, int) and isinstance(b, int)
    )


def _causal(mask: Value | None) -> bool:
    """Whether a mask lets every position see itself and those before."""
    if mask is None or mask.const_value is None or mask.const_value.shape.rank() != 2:
        return False
    array = mask.const_value.numpy().astype(np.float64)
    seen = np.tri(*array.shape, dtype=np.bool_)
    return array.shape[0] == array.shape[1] and bool(
        (array[seen] == 0).all() and (array[~seen] < HIDDEN).all()
    )
