"""What does `cut` print?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table

UNTRAINED = (
    "The weights that are left are as they were. Expect worse answers than the whole network's until it is "
    "trained on, which its own code can do: secateur prune."
)


def show(found: dict[str, Any], out: Path, as_json: bool) -> None:
    """Tables of what is left and of the figures, or JSON."""
    if as_json:
        import json

        click.echo(json.dumps(found, indent=2))
        return
    from rich.console import Console

    console = Console(highlight=False)
    lines = (
        f"Masked and cut network answer alike on {found['certificate']['inputs']} inputs: "
        f"{difference(found['certificate'])}.",
        f"Inputs, also of the time: {found['inputs']}",
        UNTRAINED,
        f"{out}: {out.stat().st_size:,} bytes",
    )
    console.print(groups_table(found["groups"]))
    console.print(figures_table(found["figures"]))
    for line in lines:
        console.print(line, markup=False, soft_wrap=True)


def difference(certificate: dict[str, Any]) -> str:
    """How far their answers are apart."""
    if not certificate["max_abs_diff"]:
        return "they do not differ at all"
    return (
        f"they differ by at most {certificate['max_abs_diff']:.1e}, {certificate['relative']:.1e} of the "
        "largest output"
    )


def groups_table(groups: dict[str, list[int]]) -> "Table":
    """What is left of each."""
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=SIMPLE)
    grid.add_column("group", overflow="fold")
    grid.add_column("before", justify="right")
    grid.add_column("left", justify="right")
    for name, (whole, left) in groups.items():
        grid.add_row(Text(name), f"{whole:,}", f"{left:,}")
    return grid


def figures_table(figures: dict[str, list[float]]) -> "Table":
    """Before, after, and how many times less."""
    from rich.box import SIMPLE
    from rich.table import Table

    grid = Table(box=SIMPLE)
    grid.add_column("")
    for head in ("before", "after", "less"):
        grid.add_column(head, justify="right")
    for name, (before, after) in figures.items():
        digits = ",.3f" if isinstance(before, float) else ","
        less = f"{before / after:.2f}x" if after else "-"
        grid.add_row(name.replace("_", "-"), f"{before:{digits}}", f"{after:{digits}}", less)
    return grid
