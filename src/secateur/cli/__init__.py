"""Which commands are there? Each is one file with one `command`, imported when it is called.

`secateur --help` must answer at once, so this file imports neither torch nor the commands.
"""

import sys
from importlib import import_module

import click

from secateur.errors import Interrupted, SecateurError
from secateur.version import VERSION

COMMANDS = {
    "demo": "Prune a small network on handwritten digits, from start to proof.",
    "init": "Write a task and a recipe to start from.",
    "explain": "Show what can be removed from a network, and what not.",
    "prune": "Prune a network of your own.",
    "cut": "Remove channels from a saved network, without its code.",
    "compress": "Share or quantise the weights of a trained network.",
    "inspect": "Show what a .sct file holds.",
    "compile": "Turn a network into C, and a library, whose zeros cost no time.",
    "calibrate": "Measure what layers cost on this machine, for `compile`.",
    "bench": "Measure how long one call takes.",
    "unpack": "Turn a .sct file into a plain ONNX file.",
    "emit-python": "Write a .sct or .onnx file as a PyTorch module.",
    "report": "Write the HTML report again.",
}
"""Name -> what --help says; the command is `secateur.cli.<name>.command`, with _ for -."""


class LazyGroup(click.Group):
    """Knows its commands by name, and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of a first acquaintance."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command's module is imported here."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"secateur.cli.{cmd_name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list from `COMMANDS`, so that help imports nothing."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(VERSION, prog_name="secateur")
def group() -> None:
    """Prune trained neural networks: a smaller file, a measured program, and the proof."""


def main() -> None:
    """Run the command line; a user's mistake ends with a message and exit code 2, without a traceback."""
    try:
        group(standalone_mode=True)
    except Interrupted as stopped:
        click.echo(f"\n{stopped}", err=True)
        sys.exit(130)
    except SecateurError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
