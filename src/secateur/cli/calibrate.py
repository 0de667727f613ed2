"""What does each piece of a layer's work cost on this machine?"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from secateur.compiler.calibration import Calibration


@click.command("calibrate")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.json",
    help="Keep the costs here, for `secateur compile --costs`, instead of for this machine.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(out: Path | None, as_json: bool) -> None:
    """Measure this machine, so that `secateur compile` chooses the fastest way for each layer.

    Layers are timed on one core, each in several ways, for a minute or two; let nothing else run meanwhile.
    """
    from rich.console import Console

    from secateur.compiler.calibration import calibrate
    from secateur.compiler.costs_file import built_in, kept_file, make_room, write_costs
    from secateur.compiler.targets import target_of

    path = out or kept_file()
    make_room(path)
    console = Console(stderr=True)
    with console.status("", spinner="line") as status:

        def told(text: str) -> None:
            status.update(text)
            if not console.is_terminal:
                console.print(text)

        found = calibrate(built_in(target_of("native")), told)
    write_costs(found.costs, path)
    facts = _facts(found, path)
    click.echo(json.dumps(facts, indent=2) if as_json else "\n".join(_lines(facts, kept=out is None)))


def _facts(found: "Calibration", path: Path) -> dict[str, Any]:
    """As JSON has them."""
    from dataclasses import asdict

    from secateur.measure import machine

    return {
        "file": str(path),
        "processor": machine.describe()["processor"],
        "layers": len(found.after),
        "ways": found.ways,
        "slower_than_fastest": {
            name: {"mean": float(times.mean()), "worst": float(times.max())}
            for name, times in (("built_in", found.before), ("calibrated", found.after))
        },
        "costs": asdict(found.costs),
    }


def _lines(facts: dict[str, Any], kept: bool) -> list[str]:
    slower = facts["slower_than_fastest"]
    before, after = slower["built_in"], slower["calibrated"]
    use = "every `secateur compile` for this machine" if kept else f"secateur compile --costs {facts['file']}"
    return [
        f"processor   {facts['processor']}",
        f"timed       {facts['layers']} layers in {facts['ways']} ways",
        f"built in    the chosen way takes {before['mean']:.2f} times the fastest one's time, "
        f"at worst {before['worst']:.2f}",
        f"calibrated  {after['mean']:.2f} times, at worst {after['worst']:.2f} (each layer judged by costs "
        "fitted to the others)",
        f"written     {facts['file']}",
        f"used by     {use}",
    ]
