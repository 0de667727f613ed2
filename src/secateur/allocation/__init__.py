"""How much goes where? Each allocation is one file, registered here.

`ALLOCATIONS` maps the names that recipes use to the classes; the contract tests loop over it.
"""

from secateur.allocation.erdos_renyi import ErdosRenyi
from secateur.allocation.global_rank import GlobalRank
from secateur.allocation.isomorphic import Isomorphic
from secateur.allocation.uniform import Uniform
from secateur.core.protocols import Allocation

ALLOCATIONS: dict[str, type[Allocation]] = {
    "erdos_renyi": ErdosRenyi,
    "global": GlobalRank,
    "isomorphic": Isomorphic,
    "uniform": Uniform,
}

__all__ = ["ALLOCATIONS", "ErdosRenyi", "GlobalRank", "Isomorphic", "Uniform"]
