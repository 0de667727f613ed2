"""What is the text of the emitted module?"""

import re
from collections.abc import Iterator, Mapping, Sequence

import onnx_ir

from secateur.emit.attributes import Array, Attributes, Path
from secateur.emit.blocks import blocks
from secateur.emit.expressions import Held, Local, Named, Variable
from secateur.emit.identifiers import word
from secateur.emit.joining import join
from secateur.emit.layout import statement
from secateur.emit.naming import name
from secateur.emit.site import Book, Targets
from secateur.emit.sizes import Sizes
from secateur.emit.steps import Step, write_steps

SOURCE = '''"""A network in plain PyTorch, written by `secateur emit-python`.

`load()` answers it with its weights, which are in model.safetensors beside this file.
"""

from pathlib import Path

{imports}

WEIGHTS = Path(__file__).with_name("model.safetensors")


class Network(nn.Module):
    def __init__(self):
        super().__init__(){attributes}

    def forward(self{inputs}):
{shapes}
{steps}


def load(path=WEIGHTS):
    """The network with the weights in a file, ready to evaluate."""
    network = Network()
    network.load_state_dict(load_file(path), assign=True)
    return network.eval()
'''
IMPORTS = {
    r"\btorch\.": "import torch",
    r"\bF\.": "import torch.nn.functional as F",
    r"\bload_file\b": "from safetensors.torch import load_file",
    r"\bnn\.": "from torch import nn",
}


def write_source(model: onnx_ir.Model, origins: Mapping[str, str]) -> tuple[str, dict[str, Array]]:
    """The module's source, and the tensors of its state_dict.

    Args:
        model: with the nodes that `secateur.emit.rewrites` puts.
        origins: name of a value -> the name in the file of the node that computes it.

    Raises:
        ExportError: an operator has no plain form.
    """
    graph = model.graph
    arrays = {
        name: v.const_value.numpy() for name, v in graph.initializers.items() if v.const_value is not None
    }
    attributes = Attributes(arrays)
    steps = join(write_steps(graph, Book(attributes, Sizes(graph), origins)))
    names = name(steps, [value.name or "" for value in graph.inputs])
    found = blocks(steps, attributes)  # and all initializers that are read have their places now
    filled = {
        "attributes": ["", *attributes.lines()] if attributes.lines() else [],
        "shapes": [f"        # {names[Variable(v.name or '')]}: {_shape(v)}" for v in graph.inputs],
        "steps": list(_statements(steps, found, names, attributes)),
    }
    body = {part: "\n".join(lines) for part, lines in filled.items()}
    inputs = "".join(f", {names[Variable(value.name or '')]}" for value in graph.inputs)
    text = SOURCE.format(imports="{imports}", inputs=inputs, **body)
    imports = [line for used, line in IMPORTS.items() if re.search(used, text)]
    return text.replace("{imports}", "\n".join(imports), 1), attributes.state()


def _statements(
    steps: Sequence[Step], found: Sequence[Path], names: Mapping[Variable, str], attributes: Attributes
) -> Iterator[str]:
    """The lines of `forward`; an empty one between blocks."""
    last: Path = ()
    for index, (step, block) in enumerate(zip(steps, found, strict=True)):
        if block != last and index:
            yield ""
        if block != last and block:
            yield f"        block = {attributes.words(block)}"
        last = block

        def words(piece: Named, block: Path = block) -> str:
            if isinstance(piece, Local):
                return names[piece.variable]
            return attributes.words(
                attributes.path_of(piece) if isinstance(piece, Held) else piece.path, block
            )

        yield from statement(_before(step.targets, names), step.code, words)


def _before(targets: Targets, names: Mapping[Variable, str]) -> str:
    return f"{_assigned(targets, names)} = " if targets != () else "return "


def _assigned(targets: Targets, names: Mapping[Variable, str], *, inside: bool = False) -> str:
    """The left side of an assignment."""
    if isinstance(targets, Variable):
        return names[targets]
    parts = [_assigned(target, names, inside=True) for target in targets]
    if inside and set(parts) == {"_"}:
        return "_"
    whole = ", ".join(parts) if len(parts) > 1 else f"{parts[0]},"
    return f"({whole})" if inside else whole


def _shape(value: onnx_ir.Value) -> str:
    """The shape of an input, with a word for each free size."""
    if value.shape is None:
        return "of any shape"
    sizes = [str(size) if isinstance(size, int) else word(str(size.value)) for size in value.shape]
    return f"({', '.join(sizes)}{',' * (len(sizes) == 1)})"
