"""What did cutting whole channels off come to?"""

import onnx_ir

from secateur.core.groups import Group
from secateur.core.task import Task
from secateur.graph.cost import multiply_adds
from secateur.graph.values import look
from secateur.patterns.channels import channels_of
from secateur.report.candidates import Candidate
from secateur.report.schema import Cut, CutInfo, Missing

NO_CHANNELS = Missing(missing="the pattern of the recipe leaves every channel where it is")


def info(pruned: Candidate, dense: Candidate, task: Task) -> CutInfo | Missing:
    """Widths and multiply-adds before and after, and the certificate."""
    outcome = pruned.cut
    if outcome is None:
        return NO_CHANNELS
    certificate = outcome.certificate
    undone = Missing(missing=f"the cut was undone: {outcome.refused}")
    return CutInfo(
        groups=[_cut(group, outcome.left[group.name]) for group in outcome.groups],
        multiply_adds=[_multiply_adds(candidate.graph, task) for candidate in (dense, pruned)],
        max_abs_diff=undone if certificate is None else certificate.max_abs_diff,
        relative_diff=undone if certificate is None else certificate.relative,
        inputs=0 if certificate is None else certificate.inputs,
    )


def _cut(group: Group, left: int) -> Cut:
    """In channels, of which a unit may be several."""
    each = channels_of(group)
    return Cut(name=group.name, kind=group.kind, before=each * group.units, after=each * left)


def _multiply_adds(graph: onnx_ir.Model, task: Task) -> int:
    values = look(graph, [x.detach().cpu().numpy() for x in task.example_inputs])
    return multiply_adds(graph, values)
