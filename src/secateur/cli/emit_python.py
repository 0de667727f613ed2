"""How is a saved network written as a PyTorch module?"""

from pathlib import Path

import click


@click.command("emit-python")
@click.argument("model", type=click.Path(path_type=Path), metavar="MODEL.sct|MODEL.onnx")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    metavar="DIR",
    help="The folder to write model.py and model.safetensors to.",
)
@click.option("--overwrite", is_flag=True, help="Replace the two files where they exist.")
def command(model: Path, out: Path, overwrite: bool) -> None:
    """Write a network of plain layers as a PyTorch module that needs no secateur."""
    from secateur.emit import emit_python

    written = emit_python(model, out, overwrite=overwrite)
    for path in (written.module, written.weights):
        click.echo(f"{path}: {path.stat().st_size:,} bytes")
    click.echo(f"Its outputs differ from the file's by {written.difference:.1e} of the largest.")
