"""What does `compile` print?"""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from secateur.compiler import Sources
    from secateur.compiler.files.sizes import Sizes
    from secateur.compiler.targets import Target


def facts(sources: "Sources", memory: "Sizes", target: "Target", out: Path) -> dict[str, Any]:
    """As JSON has them."""
    return {
        "folder": str(out),
        "name": sources.name,
        "target": target.name,
        "hosted": target.hosted,
        "threads": sources.threads,
        "operators": dict(Counter(step.kind for step in sources.steps).most_common()),
        "layers": dict(Counter(step.form for step in sources.steps if step.form).most_common()),
        "flash_bytes": memory.flash,
        "ram_bytes": memory.ram,
        **asdict(memory),
    }


def show(found: dict[str, Any], as_json: bool) -> None:
    """A short table, or JSON."""
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        click.echo("\n".join(f"{name:<11} {text}" for name, text in _rows(found).items() if text))


def _rows(found: dict[str, Any]) -> dict[str, str]:
    code = "unknown until it is compiled" if found["code"] is None else f"{found['code']:,}"
    return {
        "target": f"{found['target']}, {_counted(found['threads'], 'thread')}",
        "operators": f"{sum(found['operators'].values())}: {_listed(found['operators'])}",
        "layers": _listed(found["layers"]),
        "flash": f"{found['flash_bytes']:,} bytes: weights {found['weights']:,}, code {code}",
        "RAM": f"{found['ram_bytes']:,} bytes: working memory {found['arena']:,} (the peak), "
        f"inputs {found['inputs']:,}, outputs {found['outputs']:,}",
        "check": _check(found) if "relative_difference" in found else "",
        "next": _next(found),
    }


def _check(found: dict[str, Any]) -> str:
    own, plain = found["relative_difference"], found["relative_difference_plain"]
    return f"differs from ONNX Runtime by {own:.1e} of the largest output, with plain kernels by {plain:.1e}"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _next(found: dict[str, Any]) -> str:
    folder, name = found["folder"], found["name"]
    if found["hosted"]:
        return f"link {folder}/lib{name}.so and call {name}_run, as {folder}/{name}.h says"
    return f"add {folder}/{name}.c and weights.c to your build, and call {name}_run, as {name}.h says"
