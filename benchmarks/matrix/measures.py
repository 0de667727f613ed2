"""By which measures is a cut network judged, whoever cut it?"""

import copy
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir
import torch
from torch import Tensor, nn

from secateur.graph.trace import trace

CERTIFICATE = 1e-5  # largest difference between the masked and the cut network, of the largest output
EXPORT = 1e-3  # the same between PyTorch and ONNX Runtime
LEAST_REMOVED = 0.1  # of the parameters


class Failed(Exception):  # noqa: N818 - a verdict
    """A measure that the cut network does not meet; the message says by how much."""


def parameters(model: nn.Module) -> int:
    """How many numbers are trained."""
    return sum(parameter.numel() for parameter in model.parameters())


def answers(model: nn.Module, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    """All tensors that the network answers, evaluated."""
    with torch.no_grad():
        given = model.eval()(*inputs)
    return [leaf for leaf in torch.utils._pytree.tree_leaves(given) if isinstance(leaf, Tensor)]


def check_removed(before: int, after: int) -> None:
    """At least a tenth of the parameters is gone."""
    if after > (1 - LEAST_REMOVED) * before:
        raise Failed(f"{before - after:,} of {before:,} parameters were removed, {1 - after / before:.1%}")


def check_shapes(before: list[Tensor], after: list[Tensor]) -> None:
    """The cut network answers tensors of the old shapes, all finite."""
    old, new = [tuple(x.shape) for x in before], [tuple(x.shape) for x in after]
    if old != new:
        raise Failed(f"the network's outputs had shapes {old} and now have {new}")
    if not all(bool(torch.isfinite(x).all()) for x in after):
        raise Failed("outputs are not finite")


def certified(masked: nn.Module, cut: nn.Module, inputs: tuple[Tensor, ...]) -> float:
    """Largest relative difference of their outputs.

    Where single precision finds more than is allowed, double precision tells a wrong cut from rounding.
    """
    found = difference(answers(masked, inputs), answers(cut, inputs))
    if found <= CERTIFICATE:
        return found
    wide = tuple(x.double() if x.is_floating_point() else x for x in inputs)
    one, other = (copy.deepcopy(model).double() for model in (masked, cut))
    try:
        return difference(answers(one, wide), answers(other, wide))
    except RuntimeError:  # the network's code makes single-precision tensors of its own
        return found


def check_certificate(found: float | None) -> None:
    """At most the allowed difference; None where a certificate is not possible."""
    if found is not None and not found <= CERTIFICATE:
        raise Failed(f"masked and cut network differ by {found:.2g} of the largest output")


def difference(expected: list[Tensor], found: list[Tensor]) -> float:
    """Largest difference relative to the largest element, over all outputs; infinite for NaN."""
    parts = [_difference(a, b) for a, b in zip(expected, found, strict=True)]
    return max(parts, default=0.0)


def _difference(expected: Tensor, found: Tensor) -> float:
    a, b = expected.double(), found.double()
    if bool(torch.isnan(a).any() or torch.isnan(b).any()):
        return float("inf")
    differs = a != b  # equal infinities (masked logits) do not differ
    if not bool(differs.any()):
        return 0.0
    scale = float(a[torch.isfinite(a)].abs().max())
    return float((a - b)[differs].abs().max()) / (scale or 1.0)


def check_trains(model: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """One forward and backward pass in training mode and a step of SGD: finite, and something moves."""
    torch.manual_seed(0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    given = torch.utils._pytree.tree_leaves(model.train()(*inputs))
    real = [x for x in given if isinstance(x, Tensor) and x.is_floating_point()]
    largest = max(float(x.detach().abs().max()) for x in real)
    loss = torch.stack([(x / (largest or 1.0)).square().mean() for x in real]).sum()
    torch.autograd.backward(loss)
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    if not all(bool(torch.isfinite(gradient).all()) for gradient in gradients):
        raise Failed("gradients are not finite")
    optimizer.step()
    if all(torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True)):
        raise Failed("a step of the optimizer changed no parameter")


def check_export(model: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """`torch.onnx.export`, and ONNX Runtime answers the same from that file.

    Through `trace`, which mends what the exporter writes wrongly: every Conv3d without a bias.
    """
    expected = answers(model, inputs)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        onnx_ir.save(trace(model, inputs, any_batch=False), path, external_data="network.data")
        found = _run(path, inputs)
    if len(found) != len(expected):
        raise Failed(f"the file answers {len(found)} tensors, the network {len(expected)}")
    apart = difference(expected, found)
    if not apart <= EXPORT:
        raise Failed(f"PyTorch and ONNX Runtime differ by {apart:.2g} of the largest output")


def _run(path: Path, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feeds = {given.name: x.numpy() for given, x in zip(session.get_inputs(), inputs, strict=True)}
    found: list[Any] = session.run(None, feeds)
    return [torch.from_numpy(np.asarray(x)) for x in found]
