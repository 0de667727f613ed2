"""Which operators only give elements another shape?"""

from secateur.compiler.code import Code


def view(code: Code) -> None:
    """The shape must be known; nothing is computed or copied."""
    code.view()
