"""How is the page of a run written again?"""

from pathlib import Path

import click


@click.command("report")
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
def command(folder: Path) -> None:
    """Write a run's report.html again from its report.json, and print where it lies."""
    from secateur.report import files

    click.echo(files.write_html(files.read(folder), folder).resolve())
