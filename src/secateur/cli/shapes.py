"""How are the sizes of an input given on the command line?"""

import click


def sizes(_ctx: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[str, list[int]]:
    """`input=1,3,224,224` -> its name and sizes."""
    found = {}
    for text in given:
        name, _, numbers = text.rpartition("=")
        parts = numbers.split(",")
        if not name or not all(part.strip().isdigit() and int(part) > 0 for part in parts):
            raise click.BadParameter(f"{text!r}: expected a name and sizes, such as input=1,3,224,224.")
        found[name] = [int(part) for part in parts]
    return found


shape_option = click.option(
    "--shape",
    "sizes",
    multiple=True,
    callback=sizes,
    metavar="NAME=SIZES",
    help="Of an input with free sizes: input=1,3,224,224.",
)
"""`--shape`, as often as there are such inputs."""
