"""Write a task and a recipe to start from."""

from pathlib import Path

import click

TEMPLATES = Path(__file__).parent / "templates"


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
def command(folder: Path) -> None:
    """Write a commented task.py and recipe.toml into DIR; they run as they stand."""
    from secateur.errors import OutputError
    from secateur.files import write_atomically

    names = ("task.py", "recipe.toml")
    for name in names:
        if (folder / name).exists():
            raise OutputError(f"{folder / name} exists already and was not touched. Choose another folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be made: {error.strerror}.") from error
    for name in names:
        write_atomically(folder / name, (TEMPLATES / name).read_bytes())
    click.echo(f"Wrote {folder / 'task.py'} and {folder / 'recipe.toml'}. Try them:\n")
    click.echo(
        f"  secateur prune --task {folder / 'task.py'}:Digits --recipe {folder / 'recipe.toml'} "
        f"--out {folder / 'run'}\n"
    )
    click.echo("Then put your own network and data in task.py, at the places marked (1) to (4).")
