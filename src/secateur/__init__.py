"""Prune trained neural networks: a smaller file, a measured program, and the proof.

    import secateur

    result = secateur.prune(task, secateur.Recipe(sparsity=0.9), out="run")   # the whole job
    result = secateur.compress(task, secateur.Compression(), out="small")     # share or quantise weights
    masks = secateur.find_masks(model, recipe)                                # one shot
    secateur.cut(model, masks, structure.groups, example_inputs=(x,))         # whole channels, for good
    pruner = secateur.Pruner(model, recipe)                                   # in a loop of one's own
    secateur.save(model, "model.sct", example_inputs=(x,))
    network = secateur.load("model.sct")                                      # NumPy in, NumPy out

Names are imported when they are first used: `import secateur` and `load` need no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from secateur.version import VERSION as __version__

if TYPE_CHECKING:
    from secateur.allocation import ErdosRenyi, GlobalRank, Isomorphic, Uniform
    from secateur.artifact.network import Network, load
    from secateur.compiler import CompiledModel, compile  # noqa: A004 - what everyone calls it
    from secateur.core.masks import Masks
    from secateur.core.task import Calibration, Metric, Task
    from secateur.criteria import (
        FPGM,
        LAMP,
        Activation,
        BnScale,
        Fisher,
        Gates,
        Magnitude,
        Random,
        Taylor,
        Wanda,
    )
    from secateur.errors import SecateurError
    from secateur.export import save
    from secateur.job import CURVE, Result, compress, prune
    from secateur.masking import find_masks
    from secateur.patterns import Blocks, Channels, Elements, Heads, Layers, NofM
    from secateur.penalties import GroupLasso, Growing
    from secateur.pruner import Pruner
    from secateur.quantize import Codebook, Half, Int8, WeightOnly
    from secateur.recipe import Compression, Distillation, Recipe, Recovery
    from secateur.recovery.refit import refit_
    from secateur.schedules import Gradual, Iterative, OneShot
    from secateur.surgery import cut, cuttable

_HOME = {
    "secateur.allocation": ("ErdosRenyi", "GlobalRank", "Isomorphic", "Uniform"),
    "secateur.artifact.network": ("Network", "load"),
    "secateur.compiler": ("CompiledModel", "compile"),
    "secateur.core.masks": ("Masks",),
    "secateur.core.task": ("Calibration", "Metric", "Task"),
    "secateur.criteria": (
        *("Activation", "BnScale", "FPGM", "Fisher", "Gates", "LAMP"),
        *("Magnitude", "Random", "Taylor", "Wanda"),
    ),
    "secateur.errors": ("SecateurError",),
    "secateur.export": ("save",),
    "secateur.job": ("CURVE", "Result", "compress", "prune"),
    "secateur.masking": ("find_masks",),
    "secateur.patterns": ("Blocks", "Channels", "Elements", "Heads", "Layers", "NofM"),
    "secateur.penalties": ("GroupLasso", "Growing"),
    "secateur.pruner": ("Pruner",),
    "secateur.quantize": ("Codebook", "Half", "Int8", "WeightOnly"),
    "secateur.recipe": ("Compression", "Distillation", "Recipe", "Recovery"),
    "secateur.recovery.refit": ("refit_",),
    "secateur.schedules": ("Gradual", "Iterative", "OneShot"),
    "secateur.surgery": ("cut", "cuttable"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "CURVE",
    "FPGM",
    "LAMP",
    "Activation",
    "Blocks",
    "BnScale",
    "Calibration",
    "Channels",
    "Codebook",
    "CompiledModel",
    "Compression",
    "Distillation",
    "Elements",
    "ErdosRenyi",
    "Fisher",
    "Gates",
    "GlobalRank",
    "Gradual",
    "GroupLasso",
    "Growing",
    "Half",
    "Heads",
    "Int8",
    "Isomorphic",
    "Iterative",
    "Layers",
    "Magnitude",
    "Masks",
    "Metric",
    "Network",
    "NofM",
    "OneShot",
    "Pruner",
    "Random",
    "Recipe",
    "Recovery",
    "Result",
    "SecateurError",
    "Task",
    "Taylor",
    "Uniform",
    "Wanda",
    "WeightOnly",
    "__version__",
    "compile",
    "compress",
    "cut",
    "cuttable",
    "find_masks",
    "load",
    "prune",
    "refit_",
    "save",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name not in _MODULE:
        raise AttributeError(f"module 'secateur' has no attribute {name!r}")
    return getattr(import_module(_MODULE[name]), name)


def __dir__() -> list[str]:
    """The public names, for completion."""
    return __all__
