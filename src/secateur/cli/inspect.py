"""What is in a `.sct` file?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table

    from secateur.artifact import Inspection, StreamFigures


@click.command("inspect")
@click.argument("model", type=click.Path(path_type=Path), metavar="MODEL.sct")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--streams", is_flag=True, help="Show every stream beside its entropy.")
def command(model: Path, as_json: bool, streams: bool) -> None:
    """Show what is in a .sct file: tensors, sparsity, bytes, recipe, checksums.

    All checksums are verified first.
    """
    from secateur.artifact import inspect, stream_figures

    found = inspect(model)
    figures = stream_figures(model) if streams else None
    if as_json:
        import json

        click.echo(json.dumps(facts(found, figures), indent=2))
    else:
        from rich.console import Console

        console = Console(highlight=False)
        console.print(table(found) if figures is None else streams_table(figures))
        console.print(summary(found), markup=False, soft_wrap=True)


def facts(found: "Inspection", figures: "list[StreamFigures] | None") -> dict[str, Any]:
    """What `--json` prints."""
    from dataclasses import asdict

    totals = ("count", "nonzero", "sparsity", "dense_bytes")
    parts = ("header_bytes", "graph_bytes", "tensor_bytes")
    columns = ("name", "dtype", "shape", "encoding", *totals, "stored_bytes")
    return {
        **{name: getattr(found, name) for name in ("version", "file_bytes", "sha256")},
        **{name: getattr(found, name) for name in (*parts, *totals)},
        "metadata": found.metadata,
        "tensors": [{name: getattr(e, name) for name in columns} for e in found.entries],
        **({} if figures is None else {"streams": [asdict(f) for f in figures]}),
    }


def table(found: "Inspection") -> "Table":
    """One row for each tensor, and their sum."""
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=SIMPLE, show_footer=True, collapse_padding=True)
    grid.add_column("tensor", "all tensors", overflow="fold", min_width=12)
    grid.add_column("shape", f"{found.count:,} elements")
    grid.add_column("encoding")
    for head, foot in [
        ("sparsity", f"{found.sparsity:.2%}"),
        ("bytes", f"{found.tensor_bytes:,}"),
        ("dense", f"{found.dense_bytes:,}"),
    ]:
        grid.add_column(head, foot, justify="right", no_wrap=True)
    for e in found.entries:
        name = Text(printable(e.name))  # as Text, brackets in a name are no markup
        shape = Text(f"{e.dtype} {'x'.join(map(str, e.shape))}")
        sizes = (f"{e.stored_bytes:,}", f"{e.dense_bytes:,}")
        grid.add_row(name, shape, e.encoding, f"{e.sparsity:.2%}", *sizes)
    return grid


def streams_table(figures: "list[StreamFigures]") -> "Table":
    """One row for each stream, and their sum."""
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=SIMPLE, show_footer=True)
    grid.add_column("tensor", "all streams", overflow="fold")
    grid.add_column("stream")
    grid.add_column("codec")
    stored, symbols = sum(f.stored for f in figures), sum(f.symbols for f in figures)
    ideal = sum(f.entropy for f in figures)
    for head, foot in [
        ("symbols", f"{symbols:,}"),
        ("bytes", f"{stored:,}"),
        ("entropy", f"{ideal:,.0f}"),
        ("above it", above(stored, ideal)),
    ]:
        grid.add_column(head, foot, justify="right", no_wrap=True)
    for f in figures:
        sizes = (f"{f.symbols:,}", f"{f.stored:,}", f"{f.entropy:,.0f}", above(f.stored, f.entropy))
        grid.add_row(Text(printable(f.tensor)), f.stream, f.codec, *sizes)
    return grid


def above(stored: int, ideal: float) -> str:
    """How much more bytes there are than the entropy's; a dash where it is less than one byte."""
    return f"{stored / ideal - 1:.1%}" if ideal >= 1 else "-"


def summary(found: "Inspection") -> str:
    """The totals, the checksum and the metadata."""
    import json

    smaller = found.dense_bytes / found.file_bytes
    lines = [
        f"file: {found.file_bytes:,} bytes, format version {found.version}, "
        f"{smaller:.1f}x smaller than its plain arrays",
        f"of these: {found.header_bytes:,} header, {found.graph_bytes:,} graph, "
        f"{found.tensor_bytes:,} tensors",
        f"all checksums hold; sha256 of the file: {found.sha256}",
    ]
    lines += [f"{key}: {json.dumps(value)}" for key, value in found.metadata.items()]
    return printable("\n".join(lines))


def printable(text: str) -> str:
    """The text without control characters, with which a file could steer the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)
