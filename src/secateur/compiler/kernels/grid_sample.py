"""How is an image read at computed places?"""

from secateur.compiler.code import Code

MODES = {"bilinear": "LINEAR", "linear": "LINEAR", "nearest": "NEAREST", "bicubic": "CUBIC", "cubic": "CUBIC"}


def grid_sample(code: Code) -> None:
    """Images of two axes; linear, nearest and cubic; zeros, the border or a reflection outside."""
    op, x, grid = code.op, code.op.input(0), code.op.input(1)
    if len(x.shape) != 4:
        raise op.refused(f"has {len(x.shape) - 2} axes beside batch and channels")
    names = (
        f"GRID_{MODES[op.get('mode', 'linear')]}",
        f"OUTSIDE_{op.get('padding_mode', 'zeros').upper()}",
    )
    points = grid.shape[1] * grid.shape[2]
    corners = op.get("align_corners", 0)
    code.call("grid_sample", "x0", "x1", "y0", *x.shape, points, *names, corners, header="grid_sample")
