"""How are neighbouring pixels made one?"""

from secateur.compiler.code import Code


def global_average_pool(code: Code) -> None:
    """Any number of axes behind the channels."""
    x = code.op.input(0)
    channels = x.shape[0] * x.shape[1]
    pixels = x.size // channels
    code.call("mean_planes", "x0", "y0", channels, pixels, x.plane, code.op.output.plane, header="pool")
