"""How are activations written?"""

import numpy as np

from secateur.emit.attributes import Weight
from secateur.emit.expressions import Expr, Held, call, infix, layer, literal, method
from secateur.emit.rewrites.match import stored
from secateur.emit.rules.layers import home
from secateur.emit.site import Site

FUNCTIONS = {
    "Relu": "F.relu",
    "Sigmoid": "torch.sigmoid",
    "Tanh": "torch.tanh",
    "Silu": "F.silu",  # from secateur.emit.rewrites
    "HardSwish": "F.hardswish",
    "Mish": "F.mish",
    "Softplus": "F.softplus",
    "Softsign": "F.softsign",
}


def function(site: Site) -> Expr:
    """A function of one tensor."""
    return call(FUNCTIONS[site.node.op_type], site.tensor(0))


def clip(site: Site) -> Expr:
    """Bounds are inputs, or attributes in older graphs."""
    bounds = {"min": _bound(site, 1, "min"), "max": _bound(site, 2, "max")}
    given = {name: bound for name, bound in bounds.items() if bound is not None}
    if given == {"min": literal(np.float32(0)), "max": literal(np.float32(6))}:
        return call("F.relu6", site.tensor(0))
    return method(site.tensor(0), "clamp", **given) if given else site.tensor(0)


def _bound(site: Site, index: int, name: str) -> Expr | None:
    if site.value(index) is not None:
        return site.operand(index)
    return literal(site.number(name, 0)) if name in site.node.attributes else None


def hard_sigmoid(site: Site) -> Expr:
    """PyTorch has it with one slope."""
    slope, middle = site.number("alpha", 0.2), site.number("beta", 0.5)
    if np.isclose(slope, 1 / 6, rtol=1e-6) and middle == np.float32(0.5):
        return call("F.hardsigmoid", site.tensor(0))
    line = infix(infix(site.tensor(0), "*", literal(slope)), "+", literal(middle))
    return method(line, "clamp", 0, 1)


def sloped(site: Site) -> Expr:
    """Activations with one number, which is left out where it is PyTorch's default."""
    name, usual = {
        "LeakyRelu": ("F.leaky_relu", 0.01),
        "Elu": ("F.elu", 1.0),
        "Celu": ("F.celu", 1.0),
    }[site.node.op_type]
    alpha = site.number("alpha", usual)
    return call(name, site.tensor(0), *([] if alpha == np.float32(usual) else [alpha]))


def selu(site: Site) -> Expr:
    """With the two numbers of the paper, which PyTorch has built in."""
    usual = (np.float32(1.67326319217681884765625), np.float32(1.05070102214813232421875))
    if (site.number("alpha", 1.6732632), site.number("gamma", 1.050701)) != usual:
        site.refuse("its alpha and gamma are not those of the paper")
    return call("F.selu", site.tensor(0))


def gelu(site: Site) -> Expr:
    """Exact, or with tanh."""
    kind = site.node.attributes.get_string("approximate", "none")
    return call("F.gelu", site.tensor(0), **({"approximate": "tanh"} if kind == "tanh" else {}))


def softmax(site: Site) -> Expr:
    """Along one axis."""
    name = "F.softmax" if site.node.op_type == "Softmax" else "F.log_softmax"
    return call(name, site.tensor(0), dim=site.axis(-1))


def prelu(site: Site) -> Expr:
    """With a slope for each channel, or one for all, that was learned."""
    source = stored(site.value(1), "Reshape", "Unsqueeze")
    array = None if source is None else site.array_of(source)
    if source is None or array is None or not _one_for_each_channel(site, array.size):
        return site.refuse("its slope is not one number, or one for each channel")
    weight = Weight(array, source.name) if array.ndim == 1 else Weight(array.reshape(-1))
    code = call("nn.PReLU", *([] if array.size == 1 else [array.size]))
    path = home(site, source)
    if path is not None and site.book.attributes.layer(path, code, {"weight": weight}):
        return layer(path, site.tensor(0))
    return call("F.prelu", site.tensor(0), method(Expr((Held(source.name or ""),)), "flatten"))


def _one_for_each_channel(site: Site, count: int) -> bool:
    shape = (1,) * (site.rank() - site.rank(1)) + (site.shape(1) or ())
    return count == 1 or (len(shape) > 1 and shape[1] == count == site.size(0, 1))


RULES = {
    **dict.fromkeys(FUNCTIONS, function),
    **dict.fromkeys(("LeakyRelu", "Elu", "Celu"), sloped),
    **dict.fromkeys(("Softmax", "LogSoftmax"), softmax),
    "Clip": clip,
    "HardSigmoid": hard_sigmoid,
    "Selu": selu,
    "Gelu": gelu,
    "PRelu": prelu,
}
