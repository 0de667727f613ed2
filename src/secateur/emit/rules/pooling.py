"""How are pooling and resizing written?"""

import math

import numpy as np

from secateur.emit.expressions import Argument, Expr, call, method
from secateur.emit.rules.spatial import Window, square, window
from secateur.emit.site import Site

NEAREST = {("asymmetric", "floor"): "nearest", ("half_pixel", "round_prefer_ceil"): "nearest-exact"}
SMOOTH = {"linear": ("linear", "bilinear", "trilinear"), "cubic": ("", "bicubic", "")}


def max_pool(site: Site) -> Expr:
    """The largest in each window."""
    if len(site.node.outputs) > 1 and site.node.outputs[1].uses():
        site.refuse("something reads the places of the largest elements")
    found, more = _window(site), _ceil(site)
    given = found.padded(site.tensor(0), value=-math.inf)
    options = found.options(found.kernel) | more
    return call(f"F.max_pool{len(found.kernel)}d", given, square(found.kernel), **options)


def average_pool(site: Site) -> Expr:
    """The mean of each window."""
    found, inside = _window(site), site.node.attributes.get_int("count_include_pad", 0)
    if set(found.dilation) != {1} or (not found.even and not inside):
        site.refuse("its windows have gaps, or a padding that differs before and after and does not count")
    options = found.options(found.kernel) | _ceil(site)
    options |= {"count_include_pad": False} if "padding" in options and not inside else {}
    given = found.padded(site.tensor(0))
    return call(f"F.avg_pool{len(found.kernel)}d", given, square(found.kernel), **options)


def global_pool(site: Site) -> Expr:
    """One number for each channel."""
    axes = tuple(range(2, site.rank()))
    name = "mean" if site.node.op_type == "GlobalAveragePool" else "amax"
    return method(site.tensor(0), name, axes[0] if len(axes) == 1 else axes, keepdim=True)


def resize(site: Site) -> Expr:
    """Larger or smaller by interpolation."""
    axes = site.rank() - 2
    mode, more = _mode(site, axes)
    scales, sizes = site.array(2), site.items(3)
    if scales is not None and scales.size:
        factors = [float(scale) for scale in scales.reshape(-1)[-axes:]]
        if axes < 1 or scales.size != axes + 2 or (scales.reshape(-1)[:2] != 1).any():
            site.refuse("it resizes the batch or the channels")
        by = tuple(int(f) if f == int(f) else f for f in factors)
        named: dict[str, Argument] = {"scale_factor": by[0] if len(set(by)) == 1 else by}
    elif sizes is not None and len(sizes) == axes + 2:
        named = {"size": sizes[2:]}
    else:
        site.refuse("its factors and sizes are computed from data")
    return call("F.interpolate", site.tensor(0), **named, mode=mode, **more)


def _mode(site: Site, axes: int) -> tuple[str, dict[str, Argument]]:
    """PyTorch's name of the interpolation, and whether corners are aligned."""
    attributes = site.node.attributes
    kind, where = (
        attributes.get_string("mode", "nearest"),
        attributes.get_string("coordinate_transformation_mode", "half_pixel"),
    )
    rounding = attributes.get_string("nearest_mode", "round_prefer_floor")
    if attributes.get_int("antialias", 0) or attributes.get_int("exclude_outside", 0):
        site.refuse("it has antialias or exclude_outside")
    if kind == "nearest" and (where, rounding) in NEAREST:
        return NEAREST[where, rounding], {}
    corners = where == "align_corners"
    if kind in SMOOTH and 1 <= axes <= 3 and (corners or where in ("half_pixel", "pytorch_half_pixel")):
        name = SMOOTH[kind][axes - 1]
        if name and (kind == "linear" or site.number("cubic_coeff_a", -0.75) == np.float32(-0.75)):
            return name, {"align_corners": True} if corners else {}
    return site.refuse(f"PyTorch has no interpolation for mode {kind} with {where} and {rounding}")


def _window(site: Site) -> Window:
    kernel = tuple(map(int, site.node.attributes.get_ints("kernel_shape", ())))
    return window(site, kernel) if 1 <= len(kernel) <= 3 else site.refuse("it has not 1, 2 or 3 axes")


def _ceil(site: Site) -> dict[str, Argument]:
    return {"ceil_mode": True} if site.node.attributes.get_int("ceil_mode", 0) else {}


RULES = {
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "GlobalAveragePool": global_pool,
    "GlobalMaxPool": global_pool,
    "Resize": resize,
}
