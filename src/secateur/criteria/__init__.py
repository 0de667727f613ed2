"""How important is each weight? Each criterion is one file, registered here.

`CRITERIA` maps the names that recipes use to the classes; the contract tests loop over it.
"""

from secateur.core.protocols import Criterion
from secateur.criteria.magnitude import Magnitude
from secateur.criteria.random import Random
from secateur.criteria.taylor import Taylor
from secateur.criteria.wanda import Wanda

CRITERIA: dict[str, type[Criterion]] = {
    "magnitude": Magnitude,
    "random": Random,
    "taylor": Taylor,
    "wanda": Wanda,
}

__all__ = ["CRITERIA", "Magnitude", "Random", "Taylor", "Wanda"]
