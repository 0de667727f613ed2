"""Which operators compute shapes and constants, which say nothing about channels?"""

from collections.abc import Iterator

from secateur.graph.relations import Operator, Relation, Rule


def nothing(_op: Operator) -> Iterator[Relation]:
    """Sizes are read when the network runs, so they follow a cut."""
    yield from ()


SHAPES: dict[str, Rule] = dict.fromkeys(
    ("Constant", "ConstantOfShape", "EyeLike", "Range", "RandomNormalLike", "Shape", "Size"), nothing
)
