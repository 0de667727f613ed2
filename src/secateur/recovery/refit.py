"""Can the weights that are left make up for those that went, before training? Layer by layer."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from secateur.core.masks import Masks
from secateur.core.modes import evaluation_mode
from secateur.core.task import Calibration
from secateur.errors import NumericalError
from secateur.recovery.batches import at_least_one
from secateur.recovery.layer_rows import Layer, Rows, entering, layers, leaving
from secateur.recovery.least_squares import Moments, nearest

HELD_OUT = 4
"""Every fourth batch judges."""
AT_ONCE = 4
"""Layers whose outputs in the reference are kept at a time."""
RIDGES = (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1000.0)
"""Pulls towards the weights as they are, the weakest first."""
LARGEST = 2.5
"""Times the norm of the reference's weight: what a fitted one may have, where no BatchNorm reads it."""


@torch.no_grad()
def refit_(model: nn.Module, reference: nn.Module, masks: Masks, data: Calibration) -> None:
    """Choose the weights that are left so that each layer answers as before anything was removed.

    For each linear layer and convolution, in the order in which they are called, from the first that lost
    something::

        minimise over W, b   mean |W x + b - y|^2 + ridge * |W - W now|^2

    where x enters the layer in the pruned network, whose earlier layers are fitted already, and y leaves it
    in the reference (He et al., arXiv 1707.06168, eq. 4 and section 3.1). b is the layer's bias; where it
    has none, and BatchNorm reads it, the BatchNorm takes it over: its statistics become those of the fitted
    output, and its scale and bias change so that it answers the same in evaluation. Removed weights stay
    zero. Every fourth batch judges: where a fit to the others is no better on it, a row is kept.

    What little is left may need large weights, and those behind them then get gradients as large, which a
    large learning rate does not survive. So where no BatchNorm reads the layer, the ridge, 0.001 of the
    inputs' mean square, grows until the weight is at most 2.5 times as large as the reference's.

    Layers that are called more than once in a batch, share their weights, or are grouped stay as they are.

    Args:
        model: the pruned network; changed in place.
        reference: the network before anything was removed, of the same architecture.
        masks: what was removed.
        data: `data.limit` batches are looked at, in evaluation mode; of the loss, only the call counts.

    Raises:
        NumericalError: NaN or infinity enters or leaves a layer.
        RecipeError: the masks are another network's.
        TaskError: there are no batches.

    Example:
        >>> import copy, torch, secateur
        >>> x = torch.randn(64, 1) * torch.tensor([1.0, 2.0])  # the second input is twice the first
        >>> model = torch.nn.Linear(2, 1, bias=False)
        >>> model.weight.data = torch.tensor([[1.0, 1.0]])
        >>> smaller, masks = copy.deepcopy(model), secateur.Masks({"weight": torch.tensor([[True, False]])})
        >>> data = secateur.Calibration(lambda: [x], lambda model, batch: model(batch).sum())
        >>> secateur.refit_(smaller, model, masks, data)
        >>> [round(weight, 1) for weight in smaller.weight[0].tolist()]
        [3.0, 0.0]
    """
    masks.parameters(model)  # are they this network's?
    batches = list(at_least_one(islice(data.batches(), data.limit)))
    with evaluation_mode(model), evaluation_mode(reference):
        every = layers(model, masks, data, batches[0])
        for first in range(0, len(every), AT_ONCE):
            some = every[first : first + AT_ONCE]
            wanted = [leaving(some, reference, data, batch, seed) for seed, batch in enumerate(batches)]
            for layer, rows in zip(some, zip(*wanted, strict=True), strict=True):
                dense = reference.get_submodule(layer.name).weight
                assert isinstance(dense, Tensor)
                most = LARGEST * float(dense.detach().double().norm())
                _fit(layer, masks, _moments(layer, model, data, batches, rows), most)
                masks.apply_(model)  # biases of rows that are gone, before the next layer reads them


def _moments(
    layer: Layer, model: nn.Module, data: Calibration, batches: Sequence[Any], rows: Sequence[Rows]
) -> tuple[Moments, Moments]:
    """Of what enters the layer and what should leave it: to fit, and to judge."""
    size = layer.module.weight.flatten(1).shape
    fitting, judging = Moments(size[1], size[0]), Moments(size[1], size[0])
    for index, (batch, wanted) in enumerate(zip(batches, rows, strict=True)):
        moments = judging if index % HELD_OUT == HELD_OUT - 1 else fitting
        moments.add(entering(layer, model, data, batch, wanted), wanted.values)
    if not (fitting.finite and judging.finite):
        raise NumericalError(
            f"NaN or infinity enters or leaves the layer {layer.name!r}, so it cannot be refitted. Look for "
            "overflow in the network's activations on the training batches, or set refit_batches = 0."
        )
    return fitting, judging if judging.rows else fitting


def _fit(layer: Layer, masks: Masks, moments: tuple[Moments, Moments], most: float) -> None:
    """One layer, whose weight gets at most this norm, and the BatchNorm behind it."""
    own, (fitting, judging) = layer.module, moments
    before = own.weight.detach().flatten(1).cpu().double()
    stays = _stays(layer, masks).flatten(1)
    free = own.bias is not None or layer.norm is not None

    def solution(moments: Moments) -> Tensor:
        for ridge in RIDGES:
            found = nearest(before, stays, moments, centred=free, ridge=ridge)
            if layer.norm is not None or float(found.norm()) <= most:
                return found
        return before * stays

    def error(weight: Tensor) -> Tensor:
        return judging.error(weight, fitting.bias(weight) * free)

    better = error(solution(fitting)) < error(before * stays)
    every = fitting.joined(judging)
    weight = torch.where(better[:, None], solution(every), before * stays)
    own.weight.copy_(weight.reshape(own.weight.shape))
    if own.bias is not None:
        own.bias.copy_(every.bias(weight))
    elif layer.norm is not None:
        _take_over(layer.norm, every.bias(weight), stays.any(1), *every.spread(weight))


def _take_over(norm: nn.Module, bias: Tensor, alive: Tensor, mean: Tensor, variance: Tensor) -> None:
    """The BatchNorm answers as if its input, of this mean and variance, had a bias too."""
    assert isinstance(norm, nn.modules.batchnorm._BatchNorm)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    now, wide = norm.running_mean.cpu().double(), (norm.running_var.cpu().double() + norm.eps).sqrt()
    scale = norm.weight.cpu().double() / wide
    there = (
        (norm.bias, norm.bias.cpu().double() + scale * (mean + bias - now)),
        (norm.weight, scale * (variance + norm.eps).sqrt()),
        (norm.running_mean, mean),
        (norm.running_var, variance),
    )
    for tensor, value in there:
        tensor.copy_(torch.where(alive, value, tensor.cpu().double()))


def _stays(layer: Layer, masks: Masks) -> Tensor:
    """The mask of the layer's weight, all True where it has none."""
    mask = masks.tensors.get(f"{layer.name}.weight".lstrip("."))
    return torch.ones(layer.module.weight.shape, dtype=torch.bool) if mask is None else mask.cpu()
