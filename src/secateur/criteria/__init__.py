"""How important is each weight? Each criterion is one file, registered here.

`CRITERIA` maps the names that recipes use to the classes; the contract tests loop over it.
"""

from secateur.core.protocols import Criterion
from secateur.criteria.activation import Activation
from secateur.criteria.bn_scale import BnScale
from secateur.criteria.fisher import Fisher
from secateur.criteria.fpgm import FPGM
from secateur.criteria.gates import Gates
from secateur.criteria.lamp import LAMP
from secateur.criteria.magnitude import Magnitude
from secateur.criteria.random import Random
from secateur.criteria.taylor import Taylor
from secateur.criteria.wanda import Wanda

CRITERIA: dict[str, type[Criterion]] = {
    "activation": Activation,
    "bn_scale": BnScale,
    "fisher": Fisher,
    "fpgm": FPGM,
    "gates": Gates,
    "lamp": LAMP,
    "magnitude": Magnitude,
    "random": Random,
    "taylor": Taylor,
    "wanda": Wanda,
}

__all__ = [
    "CRITERIA",
    "FPGM",
    "LAMP",
    "Activation",
    "BnScale",
    "Fisher",
    "Gates",
    "Magnitude",
    "Random",
    "Taylor",
    "Wanda",
]
