"""How does a `.sct` file become a plain ONNX file?"""

from pathlib import Path

import click


@click.command("unpack")
@click.argument("model", type=click.Path(path_type=Path), metavar="MODEL.sct")
@click.option(
    "--onnx",
    "onnx_path",
    type=click.Path(path_type=Path),
    required=True,
    metavar="MODEL.onnx",
    help="The ONNX file to write.",
)
@click.option("--overwrite", is_flag=True, help="Replace the ONNX file where it exists.")
def command(model: Path, onnx_path: Path, overwrite: bool) -> None:
    """Write a .sct file's network as a plain ONNX file, which any runtime opens."""
    from secateur.artifact import unpack

    unpack(model, onnx_path, overwrite=overwrite)
    click.echo(f"{onnx_path}: {onnx_path.stat().st_size:,} bytes")
