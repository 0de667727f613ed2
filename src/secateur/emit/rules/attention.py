"""How is attention written?

secateur.emit.rewrites finds it in the exporter's pieces.
"""

import math

from secateur.emit.expressions import Argument, Expr, call, heavy
from secateur.emit.site import Site


def attention(site: Site) -> Expr:
    """PyTorch's function; the scale is left out where it is one over the root of the width of a head."""
    scale, width = float(site.number("scale", 1.0)), site.size(0, -1)
    usual = isinstance(width, int) and math.isclose(scale, width**-0.5, rel_tol=1e-5)
    mask = site.optional(3)
    options: dict[str, Argument] = {} if mask is None else {"attn_mask": mask}
    options |= {"is_causal": True} if site.node.attributes.get_int("is_causal", 0) else {}
    options |= {} if usual else {"scale": scale}
    return heavy(call("F.scaled_dot_product_attention", *[site.tensor(i) for i in range(3)], **options))


RULES = {"Attention": attention}
