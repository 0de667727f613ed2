"""What is in a `.sct` file?"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from secateur.artifact import Inspection, StreamFigures
    from secateur.artifact.entries import TensorEntry

FOLDED = {
    "BatchNorm statistics": r".*\brunning_(mean|var)",
    "unnamed constants": r"val_\d+(\.shape)?",  # as PyTorch's exporter numbers them
}
"""Kinds of tensors of which two or more share a row, by the pattern of their names."""
NUMBERS = ("sparsity", "bytes", "dense", "symbols", "entropy", "above it")
SPARE = ("dense", "encoding", "shape", "symbols", "codec")
"""Columns in the order in which a narrow terminal does without them."""
UNLIMITED = 10_000  # columns


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
        console.print(table(console, tensor_rows(found) if figures is None else stream_rows(figures)))
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


def tensor_rows(found: "Inspection") -> list[dict[str, str]]:
    """One row for each tensor, or for all of a kind in `FOLDED`; their sum last."""
    kinds = {kind: [e for e in found.entries if re.fullmatch(name, e.name)] for kind, name in FOLDED.items()}
    many = {kind: entries for kind, entries in kinds.items() if len(entries) > 1}
    folded = {e.name for entries in many.values() for e in entries}
    rows = [
        tensor_row(e.name, f"{e.dtype} {'x'.join(map(str, e.shape))}", e.encoding, [e])
        for e in found.entries
        if e.name not in folded
    ]
    for kind, entries in many.items():
        elements = sum(e.count for e in entries)
        rows.append(tensor_row(f"{len(entries)} {kind}", f"{elements:,} elements", "", entries))
    total = tensor_row("all tensors", f"{found.count:,} elements", "", found.entries)
    return [*rows, {**total, "bytes": f"{found.tensor_bytes:,}"}]  # with what aligns them


def tensor_row(name: str, shape: str, encoding: str, entries: "Sequence[TensorEntry]") -> dict[str, str]:
    """What these tensors are together, by column."""
    count = sum(e.count for e in entries)
    zeros = count - sum(e.nonzero for e in entries)
    return {
        "tensor": name,
        "shape": shape,
        "encoding": encoding,
        "sparsity": f"{zeros / max(1, count):.2%}",
        "bytes": f"{sum(e.stored_bytes for e in entries):,}",
        "dense": f"{sum(e.dense_bytes for e in entries):,}",
    }


def stream_rows(figures: "list[StreamFigures]") -> list[dict[str, str]]:
    """One row for each stream, their sum last."""
    rows = [stream_row(f.tensor, f.stream, f.codec, [f]) for f in figures]
    return [*rows, stream_row("all streams", "", "", figures)]


def stream_row(tensor: str, stream: str, codec: str, figures: "list[StreamFigures]") -> dict[str, str]:
    """What these streams are together, by column."""
    stored, ideal = sum(f.stored for f in figures), sum(f.entropy for f in figures)
    return {
        "tensor": tensor,
        "stream": stream,
        "codec": codec,
        "symbols": f"{sum(f.symbols for f in figures):,}",
        "bytes": f"{stored:,}",
        "entropy": f"{ideal:,.0f}",
        "above it": above(stored, ideal),
    }


def table(console: "Console", rows: list[dict[str, str]]) -> "Table":
    """The rows, the last as a footer, without those of the columns in `SPARE` for which there is no room."""
    columns, spare = list(rows[0]), [column for column in SPARE if column in rows[0]]
    roomy = console.options.update_width(UNLIMITED)
    while spare and console.measure(table_of(columns, rows), options=roomy).maximum > console.width:
        columns.remove(spare.pop(0))
    grid = table_of(columns, rows)
    hidden = [column for column in rows[0] if column not in columns]
    if hidden:
        grid.caption = f"No room for {', '.join(hidden)}; --json shows all."
    return grid


def table_of(columns: list[str], rows: list[dict[str, str]]) -> "Table":
    """These columns of the rows."""
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    *body, total = rows
    grid = Table(box=SIMPLE, show_footer=True, collapse_padding=True, caption_justify="left")
    for column in columns:
        number = column in NUMBERS
        justify: Literal["left", "right"] = "right" if number else "left"
        grid.add_column(column, total[column], justify=justify, no_wrap=number, overflow="fold")
    for row in body:  # in a Text, brackets are no markup
        grid.add_row(*(Text(printable(row[column])) for column in columns))
    return grid


def above(stored: int, ideal: float) -> str:
    """How much more bytes there are than the entropy's; a dash where it is less than one byte."""
    return f"{stored / ideal - 1:.1%}" if ideal >= 1 else "-"


def summary(found: "Inspection") -> str:
    """The totals, the checksum and the metadata."""
    import json

    from secateur.report.words import flat

    smaller = found.dense_bytes / found.file_bytes
    lines = [
        f"file: {found.file_bytes:,} bytes, format version {found.version}, "
        f"{smaller:.1f}x smaller than its plain arrays",
        f"of these: {found.header_bytes:,} header, {found.graph_bytes:,} graph, "
        f"{found.tensor_bytes:,} tensors",
        f"all checksums hold; sha256 of the file: {found.sha256}",
    ]
    for key, value in found.metadata.items():
        if isinstance(value, dict):
            lines += [f"{key}:", *(f"  {name} = {shown}" for name, shown in flat(value))]
        else:
            lines.append(f"{key}: {json.dumps(value)}")
    return printable("\n".join(lines))


def printable(text: str) -> str:
    """The text without control characters, with which a file could steer the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)
