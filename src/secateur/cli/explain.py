"""What can be removed from a network, and what not?"""

from typing import TYPE_CHECKING, Any

import click

from secateur.cli.run_options import task_option

if TYPE_CHECKING:
    from rich.table import Table

    from secateur.core.groups import Group
    from secateur.graph.units import Width
    from secateur.masking.effects import Effect

SIDE = ("out", "in")
KIND = {"layers": "block"}
"""Each block is a group of its own, so there is one of it."""


@click.command("explain")
@task_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def command(spec: str, as_json: bool) -> None:
    """Show the groups of channels and heads of a task's network, and which widths cannot change.

    A group's channels are removed with everything that makes and reads them. For each group: how many there
    are, and what one of them takes along; where channels go several at a time, so many of them. A residual
    block that can be left out is a group of its own.
    """
    from secateur.masking.effects import effects
    from secateur.surgery import cuttable
    from secateur.tasks import load_task

    task = load_task(spec)
    structure = cuttable(task.model, task.example_inputs)
    found = list(effects(task.model, structure))
    fixed = structure.coupling.fixed
    if as_json:
        import json

        click.echo(json.dumps(facts(found, fixed), indent=2))
        return
    from rich.console import Console

    console = Console(highlight=False)
    if found:
        console.print(groups_table(found))
    else:
        console.print("Nothing of this network can be removed without changing what the rest computes.")
    if fixed:
        console.print(widths_table(fixed))


def facts(found: "list[Effect]", fixed: "tuple[Width, ...]") -> dict[str, Any]:
    """What `--json` prints."""
    from dataclasses import asdict

    groups = [
        {
            "name": effect.group.name,
            "kind": effect.group.kind,
            "units": effect.group.units,
            "parameters": effect.parameters,
            "multiply_adds": effect.multiply_adds,
            "bytes": effect.bytes,
            "tensors": sorted({m.tensor for m in effect.group.members}),
        }
        for effect in found
    ]
    return {"groups": groups, "fixed": [asdict(width) for width in fixed]}


def groups_table(found: "list[Effect]") -> "Table":
    """One row for each group."""
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=SIMPLE, title="What can be removed", title_justify="left")
    grid.add_column("group", overflow="fold")
    grid.add_column("", justify="right")
    grid.add_column("")
    for head in ("parameters", "multiply-adds", "bytes"):
        grid.add_column(f"each takes\n{head}", justify="right")
    for effect in found:
        group = effect.group
        sizes = (effect.parameters, effect.multiply_adds, effect.bytes)
        grid.add_row(Text(group.name), f"{group.units:,}", kind(group), *(f"{size:,}" for size in sizes))
    return grid


def kind(group: "Group") -> str:
    """What the units of a group are."""
    from secateur.patterns.channels import channels_of

    each = channels_of(group)
    return f"groups of {each} channels" if each > 1 else KIND.get(group.kind, group.kind)


def widths_table(fixed: "tuple[Width, ...]") -> "Table":
    """One row for each width that stays."""
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=SIMPLE, title="What stays as it is", title_justify="left")
    grid.add_column("weight", overflow="fold")
    grid.add_column("", justify="right")
    grid.add_column("")
    grid.add_column("because", overflow="fold")
    for width in fixed:
        grid.add_row(Text(width.tensor), f"{width.size:,}", SIDE[width.axis], Text(width.reason))
    return grid
