"""Which initializers of a graph are weights, and how do criteria get them without the network's class?"""

from collections.abc import Iterator, Mapping

import numpy as np
import onnx_ir
import torch
from torch import Tensor, nn

from secateur.errors import RecipeError

WEIGHTS: Mapping[str, tuple[int, ...]] = {
    **dict.fromkeys(("Add", "Einsum", "MatMul", "Mul", "Sub"), (0, 1)),
    **dict.fromkeys(
        ("BatchNormalization", "GroupNormalization", "InstanceNormalization", "LayerNormalization"), (1, 2)
    ),
    **dict.fromkeys(("Conv", "ConvTranspose"), (1, 2)),
    **dict.fromkeys(("GRU", "LSTM", "RNN"), (1, 2, 3)),
    **dict.fromkeys(("PRelu", "RMSNormalization"), (1,)),
    "Gather": (0,),
    "Gemm": (0, 1, 2),
}
"""Operator -> inputs that are weights: zero takes them out, where a divisor of zero would break the rest."""
MOVES = {
    *("Cast", "Concat", "Expand", "Flatten", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Tile"),
    *("Transpose", "Unsqueeze"),
}
"""Operators that pass elements on."""


class Weights(nn.Module):
    """The weights of a graph under their names there; there is nothing to call."""

    def __init__(self, graph: onnx_ir.Model) -> None:
        super().__init__()
        chosen = weight_names(graph)
        self._weights = {
            name: nn.Parameter(_tensor(value), requires_grad=False)
            for name, value in graph.graph.initializers.items()
            if name in chosen
        }

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, nn.Parameter]]:
        """All weights: names in ONNX may hold anything, dots too, which a module's own may not."""
        yield from self._weights.items()

    def get_submodule(self, target: str) -> nn.Module:
        """There are none: what criteria that look at layers are told."""
        raise RecipeError(
            "The criterion looks at the layers of a network in PyTorch, and a file holds weights alone. Use "
            "'magnitude', 'lamp' or 'random', which need nothing else, or prune the network in PyTorch."
        )


def weight_names(graph: onnx_ir.Model) -> set[str]:
    """Initializers of floating point that operators only read as weights, also where they are moved first."""
    return {
        name
        for name, value in graph.graph.initializers.items()
        if value.const_value is not None
        and value.const_value.dtype.is_floating_point()
        and _only_weighs(value)
    }


def count(graph: onnx_ir.Model) -> int:
    """Elements of all weights."""
    chosen = weight_names(graph)
    tensors = (value.const_value for name, value in graph.graph.initializers.items() if name in chosen)
    return sum(tensor.size for tensor in tensors if tensor is not None)


def _tensor(value: onnx_ir.Value) -> Tensor:
    """In float32 where torch knows no such numbers."""
    assert value.const_value is not None, "an initializer has a value"
    array = value.const_value.numpy()
    return torch.from_numpy(array.astype(np.float32) if array.dtype.isbuiltin == 2 else np.array(array))


def _only_weighs(initializer: onnx_ir.Value) -> bool:
    todo, seen = [initializer], {initializer}
    while todo:
        value = todo.pop()
        if value.is_graph_output():
            return False
        for node, index in value.uses():
            if node.op_type in MOVES and not node.domain:
                todo += [made for made in node.outputs if made not in seen]
                seen.update(node.outputs)
            elif node.domain or index not in WEIGHTS.get(node.op_type, ()):
                return False
    return True
