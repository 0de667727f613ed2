"""What does a recipe remove from a network that came as ONNX?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import onnx_ir

from secateur.core.protocols import CoupledPattern
from secateur.errors import RecipeError, SurgeryError
from secateur.graph.cost import costs
from secateur.graph.coupling import couple
from secateur.graph.structure import Structure, heads_of
from secateur.graph.values import Values, look
from secateur.masking import find_masks
from secateur.network_file.run import Arrays
from secateur.recipe import Recipe
from secateur.surgery.certificate import Certificate
from secateur.surgery.onnx.certify import certify_graph, masked_graph
from secateur.surgery.onnx.graph import cut_graph
from secateur.surgery.onnx.kept import kept
from secateur.surgery.onnx.weights import Weights, weight_names
from secateur.surgery.removal import masks_without, removed_units


@dataclass(frozen=True)
class GraphCut:
    """A graph before and after.

    Attributes:
        graph: without the removed units.
        values: shapes after the cut.
        structure: of the graph before.
        left: group -> (units that are left, units there were).
        certificate: how far its answers are from the masked graph's.
    """

    graph: onnx_ir.Model
    values: Values
    structure: Structure
    left: Mapping[str, tuple[int, int]]
    certificate: Certificate


def structure_of_graph(graph: onnx_ir.Model, inputs: Arrays) -> Structure:
    """What hangs together in a graph: all its initializers can be cut, its weights are scored.

    Raises:
        ExportError: it does not run on the inputs.
        CouplingError: its channels cannot be followed.
    """
    values = look(graph, inputs)
    buffers = set(graph.graph.initializers) - weight_names(graph)
    coupling = couple(graph, values, buffers=buffers)
    spent = tuple(costs(graph, values))
    return Structure(graph, values, coupling, spent, heads_of(coupling, spent, {}))


def cut_onnx(
    graph: onnx_ir.Model, recipe: Recipe, inputs: Sequence[Arrays], *, tolerance: float = 1e-5
) -> GraphCut:
    """Remove what a recipe says, by its criterion on the weights alone; the graph that is passed in stays.

    Nothing is trained: what the network lost in accuracy stays lost until someone trains it on.

    Args:
        graph: as `read_graph` or `trace` answers it.
        recipe: criterion, pattern, allocation, sparsity and what it is a fraction of, names.
        inputs: of one call each, on which masked and cut graph are compared; the first is an example, by
            which shapes are known.
        tolerance: of the largest difference, relative to the largest absolute output.

    Raises:
        RecipeError: the pattern removes no channels, a name matches nothing, or the criterion needs data.
        GoalError: the sparsity is out of reach; the message says how much is possible.
        SurgeryError: nothing can be cut, or the cut graph answers something else than the masked one.
        ExportError: the graph does not run on the inputs.
        NumericalError: weights are NaN or infinite.
    """
    if not isinstance(recipe.pattern, CoupledPattern):
        raise RecipeError(
            f"{recipe.pattern} leaves every channel where it is, so there is nothing to cut. Use the pattern "
            "'channels' or 'heads'."
        )
    structure = structure_of_graph(graph, inputs[0])
    groups = structure.coupling.groups
    if not groups:
        raise _nothing(structure)
    masks = find_masks(Weights(graph), recipe, structure=structure)
    removed = removed_units(groups, masks)
    cut = cut_graph(graph, structure.values, structure.coupling, removed)
    left = kept(structure.values, structure.coupling, removed)
    masked = masked_graph(graph, masks_without(groups, removed))
    certificate = certify_graph(masked, cut, inputs, left, tolerance)
    shapes = {name: left.shape(name) for name in structure.values.shapes}
    counts = {g.name: (int((~removed[g.name]).sum()), g.units) for g in groups}
    return GraphCut(cut, replace(structure.values, shapes=shapes), structure, counts, certificate)


def _nothing(structure: Structure) -> SurgeryError:
    """With the reasons, the commonest first."""
    reasons = [width.reason for width in structure.coupling.fixed]
    common = sorted(set(reasons), key=lambda reason: -reasons.count(reason))[:3]
    why = "; ".join(f"{reason} ({reasons.count(reason)} widths)" for reason in common)
    return SurgeryError(
        f"Nothing can be cut: no width of the network can change. {why or 'It has no weights of two axes'}. "
        "Expected a network of several layers, in float, as a framework exports it."
    )
