"""What does each piece of work cost on this machine?

Layers are timed, each in several ways, and costs fitted to the times.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from secateur.compiler.calibration.fit import fitted
from secateur.compiler.calibration.samples import CACHES, Way, conv_ways, product_ways
from secateur.compiler.calibration.timing import step_times
from secateur.compiler.code import Code
from secateur.compiler.costs import ConvCosts, Costs, MatrixCosts, total
from secateur.compiler.emit import emit
from secateur.compiler.program import Program, Tensor
from secateur.compiler.targets import target_of

ROUNDS = 12
Told = Callable[[str], None]


@dataclass(frozen=True)
class Calibration:
    """Costs, and what they are worth.

    Attributes:
        costs: of this machine.
        ways: that were timed, all layers together.
        before: times the fastest way's time that the chosen one takes, layer by layer, by the costs so far.
        after: the same by these costs, each layer's fitted without that layer's times.
    """

    costs: Costs
    ways: int
    before: NDArray[np.float64]
    after: NDArray[np.float64]


def calibrate(known: Costs, told: Told) -> Calibration:
    """Measure this machine; a minute or two on one core.

    Args:
        known: costs so far, by which ways are chosen to be timed.
        told: is told what happens.

    Raises:
        CompileError: there is no C compiler.
    """
    target = target_of("native")
    convs, products = list(conv_ways(target, known)), list(product_ways(target))
    times = _times([*convs, *products], known, told)
    told("fitting costs to the times")
    conv, *conv_slower = _fitted(convs, times[: len(convs)], asdict(known.conv))
    matrix, *matrix_slower = _fitted(products, times[len(convs) :], asdict(known.matrix))
    before, after = (np.concatenate(both) for both in zip(conv_slower, matrix_slower, strict=True))
    return Calibration(Costs(ConvCosts(**conv), MatrixCosts(**matrix)), len(times), before, after)


def _times(ways: Sequence[Way], known: Costs, told: Told) -> NDArray[np.float64]:
    """Nanoseconds of each: the fastest of several rounds, as other programs only ever slow a round down."""
    inputs: dict[str, Tensor] = {}
    ops, writes = [], {}
    for number, way in enumerate(ways):
        x, y = way.op.input(0), way.op.output
        inputs.setdefault(x.name, x)
        name = f"way{number}"
        ops.append(replace(way.op, name=name, outputs=(replace(y, name=f"{name}.y"),)))
        writes[name] = way.write
    program = Program(tuple(ops), tuple(inputs.values()), ())

    def write(code: Code) -> None:
        writes[code.op.name](code)

    told(f"building {len(ways)} ways to compute layers")
    sources = emit(program, target_of("native"), known, kernels=dict.fromkeys(("Conv", "Gemm"), write))
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(x.stored).astype(np.float32) for x in inputs.values()]
    told(f"timing them, {ROUNDS} times each")
    milliseconds, _ = step_times(sources, arrays, rounds=ROUNDS, repeats=2)
    fastest: NDArray[np.float64] = 1e6 * milliseconds.min(axis=0)
    return fastest


def _fitted(
    ways: Sequence[Way], times: NDArray[np.float64], known: Mapping[str, float]
) -> tuple[dict[str, float], NDArray[np.float64], NDArray[np.float64]]:
    """Costs, and how much slower than the fastest the chosen way of each layer is, by the known and by these.

    Where a layer is judged, its own times were not fitted.
    """
    costs = _costs(ways, times, known)
    layers = np.array([way.layer for way in ways])
    before, after = [], []
    for layer in np.unique(layers):
        own, others = (list(map(int, np.flatnonzero(part))) for part in (layers == layer, layers != layer))
        without = _costs([ways[i] for i in others], times[others], known)
        before.append(_slower([ways[i] for i in own], times[own], known))
        after.append(_slower([ways[i] for i in own], times[own], without))
    return costs, np.array(before), np.array(after)


def _costs(ways: Sequence[Way], times: NDArray[np.float64], known: Mapping[str, float]) -> dict[str, float]:
    """Of convolutions, fitted for each size of the first cache, of which the best is kept."""
    pieces = {name: cost for name, cost in known.items() if name != "cache"}
    sizes = CACHES if "cache" in known else CACHES[:1]
    found = {size: fitted([way.pieces[size] for way in ways], times, pieces) for size in sizes}
    best = min(sizes, key=lambda size: found[size][1])
    return found[best][0] | ({"cache": 1024.0 * best} if "cache" in known else {})


def _slower(ways: Sequence[Way], times: NDArray[np.float64], costs: Mapping[str, float]) -> float:
    size = min(CACHES, key=lambda size: abs(1024 * size - costs.get("cache", 0)))
    each = ConvCosts(**costs) if "cache" in costs else MatrixCosts(**costs)
    estimates = [way.handicap * total(way.pieces[size], each) for way in ways]
    return float(times[int(np.argmin(estimates))] / times.min())
