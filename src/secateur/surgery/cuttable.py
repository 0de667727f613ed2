"""What can be cut from a network, by its graph and by its code?"""

from torch import Tensor, nn

from secateur.graph.structure import Structure, structure_of
from secateur.surgery.following import followed


def cuttable(model: nn.Module, example_inputs: tuple[Tensor, ...]) -> Structure:
    """The channels, heads and residual blocks that can be removed, and the widths that cannot change.

    The graph tells what hangs together; a block is what passes on its input when its weights are zero. Then
    half of everything is cut from a copy: a group whose module cannot follow, since its code has a width
    written out, is moved to those that stay.

    Args:
        model: the network; it stays as it is.
        example_inputs: positional inputs of one forward call; the first axis of each is the batch.

    Raises:
        ExportError: the network cannot be traced.
        CouplingError: its channels cannot be followed.

    Example:
        >>> import torch, secateur
        >>> model = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 4))
        >>> structure = secateur.cuttable(model, (torch.ones(1, 8),))
        >>> [(group.name, group.units) for group in structure.groups]
        [('0', 32)]
    """
    structure = structure_of(model, example_inputs)
    return structure.with_coupling(followed(model, structure.coupling, example_inputs))
