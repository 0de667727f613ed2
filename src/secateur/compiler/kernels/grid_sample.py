"""How is an image read at computed places?"""

from secateur.compiler.code import Code

MODES = {
    **dict.fromkeys(("bilinear", "linear"), "GRID_LINEAR"),
    **dict.fromkeys(("bicubic", "cubic"), "GRID_CUBIC"),
    "nearest": "GRID_NEAREST",
}
OUTSIDE = {"border": "OUTSIDE_BORDER", "reflection": "OUTSIDE_REFLECTION", "zeros": "OUTSIDE_ZEROS"}


def grid_sample(code: Code) -> None:
    """Images of two axes; linear, nearest and cubic; zeros, the border or a reflection outside."""
    op, x, grid = code.op, code.op.input(0), code.op.input(1)
    if len(x.shape) != 4:
        raise op.refused(f"has {len(x.shape) - 2} axes beside batch and channels")
    names = (op.choice("mode", MODES, "linear"), op.choice("padding_mode", OUTSIDE, "zeros"))
    points = grid.shape[1] * grid.shape[2]
    corners = op.get("align_corners", 0)
    code.call("grid_sample", "x0", "x1", "y0", *x.shape, points, *names, corners, header="grid_sample")
