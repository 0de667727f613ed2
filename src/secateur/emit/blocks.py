"""Which part of the network do neighbouring lines of `forward` talk about?

block = self.layer1[0]
y = F.relu(block.bn1(block.conv1(x)))
x = F.relu(block.bn2(block.conv2(y)) + x)
"""

from collections.abc import Sequence
from functools import partial
from itertools import takewhile

from secateur.emit.attributes import Attributes, Path
from secateur.emit.expressions import Held, Place, pieces_of
from secateur.emit.steps import Step

SHORTEST = 2  # names that lead to a block, and lines that talk about it


def blocks(steps: Sequence[Step], attributes: Attributes) -> list[Path]:
    """For each step, the block that all of its layers are in; empty where there is none."""
    places = [_places(step, attributes) for step in steps]
    found: list[Path] = []
    for index, paths in enumerate(places):
        now = found[-1] if found else ()
        if paths and not (now and _inside(now, paths)):
            now = _block(places[index:])
        found.append(now)
    return found


def _block(places: Sequence[list[Path]]) -> Path:
    """The smallest numbered part that more than one step from here on is about."""
    longest = min(len(path) for path in places[0]) - 1
    for length in range(longest, SHORTEST - 1, -1):
        path = places[0][0][:length]
        run = sum(bool(paths) for paths in takewhile(partial(_inside, path), places))
        if path[-1][-1].isdigit() and run >= SHORTEST:
            return path
    return ()


def _inside(path: Path, paths: list[Path]) -> bool:
    """Whether all of these are parts of what is at `path`."""
    return all(len(each) > len(path) and each[: len(path)] == path for each in paths)


def _places(step: Step, attributes: Attributes) -> list[Path]:
    """Where the layers and tensors are that a step uses."""
    pieces = [piece for piece in pieces_of(step.code) if isinstance(piece, Place | Held)]
    return [attributes.path_of(piece) if isinstance(piece, Held) else piece.path for piece in pieces]
