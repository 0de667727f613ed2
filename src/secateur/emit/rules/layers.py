"""How are layers with weights written?

As a module of the network where the weight is called like one's (`name.weight`) and nothing else is there;
else as a function on tensors, for instance for tied weights and for weights that are computed.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import onnx_ir

from secateur.emit import identifiers
from secateur.emit.attributes import Weight
from secateur.emit.expressions import Argument, Expr, call, heavy, infix, layer, literal, method
from secateur.emit.rules.spatial import square, window
from secateur.emit.site import Site

CONVOLUTIONS = {"Conv": ("nn.Conv", "F.conv"), "ConvTranspose": ("nn.ConvTranspose", "F.conv_transpose")}


def home(site: Site, value: onnx_ir.Value | None, ending: str = "weight") -> tuple[str, ...] | None:
    """Where the layer that a tensor belongs to is; None where the tensor is a parameter by itself."""
    name = "" if value is None or value.name is None else value.name
    way, _, last = name.rpartition(".")
    if last == ending and way:
        return identifiers.path(way)
    if name == ending or identifiers.computed(name):
        return (identifiers.unnamed(site.node.op_type if name == ending else name),)
    return None


def module(
    site: Site,
    path: tuple[str, ...] | None,
    code: Expr,
    weights: Mapping[str, int],
    more: Mapping[str, Weight] = MappingProxyType({}),
) -> tuple[str, ...] | None:
    """Make a layer of the network, whose tensors are inputs of the node, and perhaps some more.

    Returns:
        Its path; None where it has none, where a tensor is computed, or where something else is there.
    """
    given = {name: site.weight(index) for name, index in weights.items() if site.value(index) is not None}
    found = {name: weight for name, weight in given.items() if weight is not None}
    if path is None or len(found) < len(given):
        return None
    return site.book.attributes.layer(path, code, {**found, **more})


def convolution(site: Site) -> Expr:
    """Any number of axes and groups, also transposed."""
    shape = [size for size in site.shape(1) or () if isinstance(size, int)]
    rank = len(shape) - 2
    if rank not in (1, 2, 3) or len(shape) != site.rank(1):
        site.refuse("the shape of its weight is not known, or has not 1, 2 or 3 axes to move along")
    transposed = site.node.op_type == "ConvTranspose"
    kernel, groups = tuple(shape[2:]), site.node.attributes.get_int("group", 1)
    found = window(site, kernel)
    options = found.options((1,) * rank)
    if transposed:
        options |= _transposed_options(site, rank)
        channels = (shape[0], shape[1] * groups)
        if not found.even:
            site.refuse("its padding differs before and after")
    else:
        channels = (shape[1] * groups, shape[0])
    options |= {} if groups == 1 else {"groups": groups}
    given = found.padded(site.tensor(0))
    names, biased = CONVOLUTIONS[site.node.op_type], not _no_bias(site)
    bias: dict[str, Argument] = {} if biased else {"bias": False}
    code = call(f"{names[0]}{rank}d", *channels, square(kernel), **options, **bias)
    path = module(site, home(site, site.value(1)), code, {"weight": 1} | ({"bias": 2} if biased else {}))
    if path is not None:
        return heavy(layer(path, given))
    return heavy(call(f"{names[1]}{rank}d", given, *tensors(site, 1, *([2] if biased else [])), **options))


def _no_bias(site: Site) -> bool:
    """Whether there is none, or only the zeros that exporters put in its place."""
    value, array = site.value(2), site.array(2)
    zeros = array is not None and not array.any()
    return value is None or (zeros and identifiers.computed(value.name or ""))


def _transposed_options(site: Site, rank: int) -> dict[str, Argument]:
    if "output_shape" in site.node.attributes:
        site.refuse("it has an output_shape instead of a padding")
    more = tuple(map(int, site.node.attributes.get_ints("output_padding", ()) or (0,) * rank))
    return {"output_padding": square(more)} if any(more) else {}


def linear(site: Site) -> Expr:
    """A Linear layer; from secateur.emit.rewrites, which finds it in products and sums."""
    weight = site.array(1)
    assert weight is not None, "only products with an initializer become Linear"
    outputs, inputs = weight.shape
    code = call("nn.Linear", inputs, outputs, **({} if site.value(2) else {"bias": False}))
    path = module(site, home(site, site.value(1)), code, {"weight": 1, "bias": 2})
    if path is not None:
        return heavy(layer(path, site.tensor(0)))
    return heavy(call("F.linear", site.tensor(0), *tensors(site, 1, 2)))


def turned_linear(site: Site) -> Expr:
    """Likewise, of a weight that is stored the other way round, as other exporters do."""
    weight, bias, stored = site.array(1), site.weight(2), site.value(1)
    assert weight is not None, "only products with an initializer become Linear"
    assert stored is not None, "only products with an initializer become Linear"
    inputs, outputs = weight.shape
    code = call("nn.Linear", inputs, outputs, **({} if bias else {"bias": False}))
    weights = {"weight": Weight(weight.T.copy()), **({"bias": bias} if bias else {})}
    path = home(site, site.value(2), "bias") if bias else None
    path = path or home(site, site.value(1)) or (identifiers.unnamed(stored.name or ""),)
    return heavy(layer(site.book.attributes.new_layer(path, code, weights), site.tensor(0)))


def gemm(site: Site) -> Expr:
    """A general product of matrices."""
    attributes = site.node.attributes
    factors = [
        method(site.tensor(i), "transpose", 0, 1) if attributes.get_int(name, 0) else site.tensor(i)
        for i, name in enumerate(("transA", "transB"))
    ]
    product = _scaled(heavy(infix(factors[0], "@", factors[1])), site.number("alpha", 1))
    return infix(product, "+", _scaled(site.operand(2), site.number("beta", 1))) if site.value(2) else product


def _scaled(given: Expr, factor: np.float32) -> Expr:
    return given if factor == 1 else infix(given, "*", literal(factor))


def embedding(site: Site) -> Expr:
    """Rows of a table."""
    table = site.array(0)
    assert table is not None, "only a table is an embedding"
    path = module(site, home(site, site.value(0)), call("nn.Embedding", *table.shape), {"weight": 0})
    if path is not None:
        return heavy(layer(path, site.tensor(1)))
    return heavy(call("F.embedding", site.tensor(1), site.tensor(0)))


def tensors(site: Site, *indices: int) -> list[Expr]:
    """The inputs that the node has, of these."""
    return [site.tensor(index) for index in indices if site.value(index) is not None]


RULES = {
    **dict.fromkeys(CONVOLUTIONS, convolution),
    "Linear": linear,
    "TurnedLinear": turned_linear,
    "Gemm": gemm,
}
