"""What do the commands take that work on a task of the user's and leave a run's folder?"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from secateur.task_spec import file_and_name

Command = Callable[..., Any]


def _checked(_: click.Context, __: click.Parameter, spec: str) -> str:
    """Before the command imports torch."""
    file_and_name(spec)
    return spec


task_option = click.option(
    "--task", "spec", required=True, metavar="FILE.py:NAME", help="Your network and data.", callback=_checked
)
OPTIONS = (
    click.option("--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Of the run."),
    click.option("--resume", is_flag=True, help="Go on with an interrupted run in DIR."),
    click.option("--overwrite", is_flag=True, help="Delete an earlier run in DIR first."),
    click.option(
        "--seed", type=click.IntRange(0, 2**32 - 1), help="Of everything that is drawn.  [default: 0]"
    ),
)


def run_options(command: Command) -> Command:
    """Give a command `OPTIONS`; help shows them in this order, the last decorator comes first."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command
