"""Where does a layer of an ONNX graph keep its weight, and which axis of it are the output channels?"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from secateur.graph.constants import Floats, constant, output_axis

if TYPE_CHECKING:
    import onnx_ir

LAYERS = ("Conv", "Gemm", "MatMul")
"""What ONNX Runtime has int8 kernels for: no ConvTranspose, no GRU, no LSTM."""


@dataclass(frozen=True)
class Weight:
    """A constant that a layer multiplies with.

    Attributes:
        name: of the initializer: the parameter's name in PyTorch.
        value: its value in the graph.
        axis: of the output channels.
    """

    name: str
    value: "onnx_ir.Value"
    axis: int

    @property
    def array(self) -> Floats:
        """The numbers."""
        array = constant(self.value)
        assert array is not None, "only constants become a Weight"
        return array

    def along(self, per_channel: Floats) -> Floats:
        """(out_channels,) reshaped so that it broadcasts against the weight."""
        shape = [1] * self.array.ndim
        shape[self.axis] = -1
        return per_channel.reshape(shape)


def weight_of(node: "onnx_ir.Node") -> Weight | None:
    """The weight of a layer that int8 kernels know; None of all other nodes.

    `torch.onnx.export` writes Linear as Gemm on a matrix, and as MatMul with a transposed weight on
    anything else. A weight that something else reads too, as an embedding tied to the output layer,
    stays float: it would be widened as a whole in every run.
    """
    if node.op_type not in LAYERS or node.domain or node.attributes.get_int("transA", 0) == 1:
        return None
    value = node.inputs[1]
    turned = node.op_type == "MatMul" and value is not None and _turns(value.producer())
    if turned:
        source = value.producer() if value is not None else None
        value = source.inputs[0] if source is not None else None
    array = constant(value)
    if value is None or value.name is None or array is None or array.dtype != np.float32:
        return None
    if node.op_type != "Conv" and array.ndim != 2:
        return None
    if any(reader.op_type not in LAYERS and not _turns(reader) for reader in value.consumers()):
        return None
    return Weight(value.name, value, 0 if turned else output_axis(node))


def _turns(node: "onnx_ir.Node | None") -> bool:
    """Does it swap the axes of a matrix?"""
    return (
        node is not None
        and node.op_type == "Transpose"
        and list(node.attributes.get_ints("perm", [])) == [1, 0]
    )
