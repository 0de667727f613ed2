"""How does a saved network become C for a device, and a library?"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from secateur.cli.shapes import shape_option

if TYPE_CHECKING:
    from secateur.compiler import Sources
    from secateur.compiler.targets import Target


@click.command("compile")
@click.argument("model", type=click.Path(path_type=Path), metavar="MODEL.sct|MODEL.onnx")
@click.option(
    "--target",
    "name",
    default="native",
    show_default=True,
    metavar="NAME",
    help="native, x86-64-v2, -v3, -v4, aarch64, armv7, riscv64, wasm32, cortex-m3, -m4, -m7 or -m55.",
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Where the C goes."
)
@click.option(
    "--prefix",
    default="",
    metavar="WORD",
    help="WORD_model.h and WORD_model_run, so that several networks fit into one program.",
)
@click.option("--threads", type=click.IntRange(1, 256), default=1, show_default=True, help="For one call.")
@click.option(
    "--costs",
    "costs_file",
    type=click.Path(path_type=Path),
    metavar="FILE.json",
    help="What `secateur calibrate --out` wrote on such a processor.",
)
@shape_option
@click.option("--max-ram", type=click.IntRange(min=1), metavar="BYTES", help="An error where it needs more.")
@click.option(
    "--max-flash", type=click.IntRange(min=1), metavar="BYTES", help="An error where it needs more."
)
@click.option("--check", is_flag=True, help="Write it only if it answers as ONNX Runtime.")
@click.option("--overwrite", is_flag=True, help="Replace a compiled network; other files stay.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    model: Path,
    name: str,
    out: Path,
    prefix: str,
    threads: int,
    costs_file: Path | None,
    sizes: dict[str, list[int]],
    max_ram: int | None,
    max_flash: int | None,
    check: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Turn a network into plain C with kernels that skip its zeros.

    DIR gets model.c, model.h, the weights, the kernels that are used, a CMakeLists.txt, sizes.json, and for
    targets with an operating system the library. One function runs the network: model_run.
    """
    from secateur.cli.compile_report import facts, show
    from secateur.compiler import sources_of
    from secateur.compiler.costs_file import read_costs
    from secateur.compiler.features import machine_features
    from secateur.compiler.folder import Limits, check_free, write_folder
    from secateur.compiler.targets import target_of
    from secateur.network_file.read import read_graph

    target = target_of(name)
    if check and not (target.name == "native" or target.name.startswith("x86-64")):
        raise click.UsageError(f"--check runs the network here, and {target.name} may be another processor.")
    lacking = set(target.features) - machine_features() if check and machine_features() else set()
    if lacking:
        raise click.UsageError(
            f"--check runs the network here, and this processor lacks {', '.join(sorted(lacking))}, which "
            f"{target.name} has."
        )
    check_free(out, overwrite=overwrite)
    costs = read_costs(costs_file) if costs_file else None
    sources = sources_of(read_graph(model), target, sizes, threads, costs, prefix=prefix)
    checked = _checked(sources, target, model, sizes) if check else {}
    memory = write_folder(sources, target, out, Limits(max_ram, max_flash))
    show(facts(sources, memory, target, out) | checked, as_json)


def _checked(
    sources: "Sources", target: "Target", model: Path, sizes: dict[str, list[int]]
) -> dict[str, float]:
    """How far its answers, and those of plain kernels, are from ONNX Runtime's on random inputs.

    Where the plain ones are wrong, too, the fault is not in a kernel. The file is read again each time, as
    compiling changes the graph.
    """
    from secateur.compiler import sources_of
    from secateur.compiler.build import build
    from secateur.compiler.check import checked
    from secateur.compiler.compiled import CompiledModel
    from secateur.network_file.example import example_inputs
    from secateur.network_file.read import read_graph

    graph = read_graph(model)
    inputs = example_inputs(graph, sizes)
    plain = sources_of(read_graph(model), target, sizes, plain=True)
    return {
        name: checked(CompiledModel(build(files, target), files), graph, inputs, by)
        for name, files, by in (
            ("relative_difference_plain", plain, "the network's plain kernels"),
            ("relative_difference", sources, "the compiled network, but not those of its plain kernels,"),
        )
    }
