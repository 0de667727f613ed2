"""How are normalisations written?"""

import numpy as np

from secateur.emit.attributes import Weight
from secateur.emit.expressions import Argument, Expr, call, layer
from secateur.emit.identifiers import computed
from secateur.emit.rules.layers import home, module, tensors
from secateur.emit.site import Site

Options = dict[str, Argument]


def batch_norm(site: Site) -> Expr:
    """With the statistics of training."""
    if site.node.attributes.get_int("training_mode", 0):
        site.refuse("it takes its statistics from the batch (training_mode)")
    options, plain, mean = _epsilon(site), _plain(site), site.array(3)
    axes = len(site.shape() or ()) - 2
    if mean is not None and axes < 4:
        weights = {"running_mean": 3, "running_var": 4} | ({} if plain else {"weight": 1, "bias": 2})
        momentum = round(1 - float(site.number("momentum", 0.9)), 6)
        learning: Options = {} if momentum == 0.1 else {"momentum": momentum}
        learning |= {"affine": False} if plain else {}
        code = call(f"nn.BatchNorm{max(axes, 1)}d", mean.size, **options, **learning)
        path = home(site, site.value(3), "running_mean") or home(site, site.value(1))
        path = module(site, path, code, weights, {"num_batches_tracked": Weight(np.zeros((), np.int64))})
        if path is not None:
            return layer(path, site.tensor(0))
    for value in (site.value(3), site.value(4)):
        if value is not None and value.name:
            site.book.attributes.is_statistic(value.name)  # F.batch_norm has no gradient by it
    return call("F.batch_norm", *tensors(site, 0, 3, 4, 1, 2), **options)


def layer_norm(site: Site) -> Expr:
    """Over the last axes."""
    sizes = tuple(size for size in site.shape(1) or () if isinstance(size, int))
    if not sizes or site.axis(-1) not in (-len(sizes), site.rank() - len(sizes)):
        site.refuse("its scale does not have the shape of what is normalised")
    options, plain = _epsilon(site), _plain(site)
    if not plain:
        bias: Options = {} if site.value(2) else {"bias": False}
        code = call("nn.LayerNorm", sizes[0] if len(sizes) == 1 else sizes, **options, **bias)
        path = module(site, home(site, site.value(1)), code, {"weight": 1, "bias": 2})
        if path is not None:
            return layer(path, site.tensor(0))
    return call("F.layer_norm", site.tensor(0), sizes, *([] if plain else tensors(site, 1, 2)), **options)


def instance_norm(site: Site) -> Expr:
    """Over the pixels of each channel."""
    options, scale, axes = _epsilon(site), site.array(1), len(site.shape() or ()) - 2
    if _plain(site):
        return call("F.instance_norm", site.tensor(0), **options)
    if scale is not None and axes in (1, 2, 3):
        code = call(f"nn.InstanceNorm{axes}d", scale.size, **options, affine=True)
        path = module(site, home(site, site.value(1)), code, {"weight": 1, "bias": 2})
        if path is not None:
            return layer(path, site.tensor(0))
    return call("F.instance_norm", site.tensor(0), weight=site.tensor(1), bias=site.tensor(2), **options)


def group_norm(site: Site) -> Expr:
    """Over the pixels of some channels; exporters write it in pieces, which secateur.emit.rewrites joins."""
    groups, scale = site.node.attributes.get_int("num_groups", 1), site.array(1)
    if scale is None or scale.size != site.size(0, 1):
        return site.refuse("its scale is not one number for each channel")
    options = _epsilon(site)
    if _plain(site):
        return call("F.group_norm", site.tensor(0), groups, **options)
    code = call("nn.GroupNorm", groups, scale.size, **options)
    path = module(site, home(site, site.value(1)), code, {"weight": 1, "bias": 2})
    if path is not None:
        return layer(path, site.tensor(0))
    return call("F.group_norm", site.tensor(0), groups, *tensors(site, 1, 2), **options)


def to_length_one(site: Site) -> Expr:
    """Divided by the length along an axis."""
    order = site.node.attributes.get_int("p", 2)
    return call("F.normalize", site.tensor(0), **({} if order == 2 else {"p": order}), dim=site.axis(-1))


def local_response(site: Site) -> Expr:
    """Divided by the neighbouring channels, as in AlexNet."""
    numbers = {"alpha": 1e-4, "beta": 0.75, "k": 1.0}
    given: Options = {n: site.number("bias" if n == "k" else n, usual) for n, usual in numbers.items()}
    return call("F.local_response_norm", site.tensor(0), site.node.attributes.get_int("size", 1), **given)


def _epsilon(site: Site) -> Options:
    epsilon = site.number("epsilon", 1e-5)
    return {} if epsilon == np.float32(1e-5) else {"eps": epsilon}


def _plain(site: Site) -> bool:
    """Whether scale and bias are ones and zeros that an exporter put there."""
    for index, neutral in ((1, 1), (2, 0)):
        value, array = site.value(index), site.array(index)
        if value is None and index == 2:
            continue
        if value is None or array is None or not computed(value.name or "") or (array != neutral).any():
            return False
    return True


RULES = {
    "BatchNormalization": batch_norm,
    "LayerNormalization": layer_norm,
    "InstanceNormalization": instance_norm,
    "GroupNormalization": group_norm,
    "LpNormalization": to_length_one,
    "LRN": local_response,
}
