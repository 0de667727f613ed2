"""How do the results read, as a page?"""

import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from typing import TypeAlias

from benchmarks.common import revision, table
from benchmarks.matrix.architecture import Architecture
from benchmarks.matrix.measures import CERTIFICATE, EXPORT, LEAST_REMOVED
from benchmarks.matrix.processes import Limits
from benchmarks.matrix.result import TOOLS, Result, Tool, passes

LIBRARIES = ("torch", "onnxruntime", "torchvision", "timm", "transformers", "torch-pruning")
DOES_NOT_FIT = "does not fit"

ByName: TypeAlias = Mapping[tuple[str, Tool], Result]

OURS = ["secateur", "groups", "left", "differs by", "s, groups", "s, all"]
THEIRS = ["torch-pruning", "left", "differs by", "s, all"]
HEADER = ["architecture", "input", "parameters", *OURS, *THEIRS]

INTRODUCTION = f"""\
Public architectures with random weights lose half of the channels of every group, on the CPU, with no list
of layers to leave out. A ✓ means that all of this holds; otherwise the table names what does not:

- *graph, follow, masks, cut*: the network is traced, its groups are found and cut in the module itself.
- *removal*: at least {LEAST_REMOVED:.0%} of the parameters are gone.
- *forward*: fresh random inputs give finite outputs of the same shapes as before.
- *certificate*: masked and cut network differ by at most {CERTIFICATE:g} of the largest output.
- *backward*: in training mode, two inputs give finite gradients, and a step of SGD changes something.
- *export*: `torch.onnx.export` writes the cut network, and ONNX Runtime answers the same within {EXPORT:g}.
  (What the exporter writes wrongly for every Conv3d without a bias is mended, for both tools.)

Both tools get the same network, weights, inputs and limits: each is a process of its own, with
{{seconds:g}} s of CPU time and {{gigabytes:g}} GB of memory. Nothing in the weights is trivial: biases,
scales and BatchNorm's statistics are random, and no weight is so small that attention is uniform.
secateur cuts to the channel (`round_to = 1`). torch-pruning is called as its README does it, with the
group's L2 norm; the layers that make the output, which its README tells to ignore by hand, are found for
it by one rule. What its examples write by hand for single architectures it does not get. It is certified
against a network in which all that its groups name is zero, and in which a normalisation that lost
channels has its new width; where there is no such network (`-`), it passes without.

Where single precision finds a difference above the limit, both networks are compared in double precision,
which tells a wrong cut from rounding. Detectors are judged without the selection of boxes, which has no
weights; optical flow takes two rounds of refinement. Networks of transformers are tiny configurations.
"""


def page(
    architectures: Sequence[Architecture], results: Sequence[Result], limits: Limits, command: str
) -> str:
    """The whole page in Markdown."""
    by_name = {(result.name, result.tool): result for result in results}
    done = [a for a in architectures if all((a.name, tool) in by_name for tool in TOOLS)]
    too_large = [a for a in done if by_name[a.name, TOOLS[0]].stage == DOES_NOT_FIT]
    families: dict[str, list[Architecture]] = {}
    for architecture in done:
        if architecture not in too_large:
            families.setdefault(architecture.family, []).append(architecture)
    parts = [
        "# The matrix of models",
        INTRODUCTION.format(seconds=limits.seconds, gigabytes=limits.gigabytes),
        _summary(families, by_name),
        *[f"## {family}\n\n{_section(members, by_name)}" for family, members in families.items()],
    ]
    if too_large:
        reasons = [f"- {a.name}: {_escaped(by_name[a.name, TOOLS[0]].problem)}" for a in too_large]
        parts.append("\n".join(["## Not tried\n", *reasons]))
    open_ = [a.name for a in architectures if a not in done]
    if open_:
        parts.append(f"## Not run yet\n\n{len(open_)} of {len(architectures)}: {', '.join(open_)}.")
    return "\n\n".join([*(part.strip() for part in parts), _origin(command)]) + "\n"


def _summary(families: Mapping[str, Sequence[Architecture]], by_name: ByName) -> str:
    rows = [_counted(family, members, by_name) for family, members in families.items()]
    everything = [member for members in families.values() for member in members]
    rows.append(_counted("all", everything, by_name))
    header = ["family", "tried", "secateur ✓", "torch-pruning ✓", "of these without a certificate"]
    return table(header, rows)


def _counted(label: str, members: Sequence[Architecture], by_name: ByName) -> list[str]:
    results = [by_name[a.name, tool] for a in members for tool in TOOLS]
    shares = [_share(passes(results, tool), len(members)) for tool in TOOLS]
    unproven = sum(r.passed and r.difference is None for r in results if r.tool == TOOLS[1])
    return [label, str(len(members)), *shares, str(unproven)]


def _share(count: int, total: int) -> str:
    return f"{count} ({count / total:.0%})" if total else "0"


def _section(members: Sequence[Architecture], by_name: ByName) -> str:
    rows = [_row(a, by_name[a.name, TOOLS[0]], by_name[a.name, TOOLS[1]]) for a in members]
    failures = _failures(members, by_name)
    return table(HEADER, rows) + (f"\n\n{failures}" if failures else "")


def _row(architecture: Architecture, ours: Result, theirs: Result) -> list[str]:
    return [
        architecture.name.partition("/")[2],
        ", ".join(map(str, architecture.inputs)),
        _size(ours.before or theirs.before),
        _verdict(ours),
        "-" if ours.groups is None else str(ours.groups),
        *[_left(ours), _difference(ours), _seconds(ours.graph_seconds), _seconds(ours.seconds)],
        *[_verdict(theirs), _left(theirs), _difference(theirs), _seconds(theirs.seconds)],
    ]


def _failures(members: Sequence[Architecture], by_name: ByName) -> str:
    failed = [by_name[a.name, tool] for a in members for tool in TOOLS]
    return "\n".join(
        f"- {r.name.partition('/')[2]}, {r.tool}, {r.stage}: {_escaped(r.problem)}"
        for r in failed
        if not r.passed
    )


def _escaped(text: str) -> str:
    """As code, so that Markdown reads nothing into it."""
    return "`" + text.replace("`", "'") + "`"


def _size(parameters: int | None) -> str:
    if parameters is None:
        return "-"
    return f"{parameters / 1e6:.2f} M" if parameters > 1e5 else f"{parameters:,}"


def _verdict(result: Result) -> str:
    return "✓" if result.passed else f"✗ {result.stage}"


def _left(result: Result) -> str:
    return "-" if result.left is None else f"{result.left:.0%}"


def _difference(result: Result) -> str:
    return "-" if result.difference is None else f"{result.difference:.0e}"


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f}"


def _origin(command: str) -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"Made by `{command}` on {date.today()}, revision {revision()}. {libraries}; Python "
        f"{platform.python_version()} on {sys.platform}. Seconds are of CPU time in one thread."
    )
