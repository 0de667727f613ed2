"""What pulls weights towards zero before they are cut? Each penalty is one file, registered here.

`PENALTIES` maps the names that recipes use to the classes.
"""

from secateur.core.protocols import Penalty
from secateur.penalties.group_lasso import GroupLasso
from secateur.penalties.growing import Growing

PENALTIES: dict[str, type[Penalty]] = {
    "group_lasso": GroupLasso,
    "growing": Growing,
}

__all__ = ["PENALTIES", "GroupLasso", "Growing"]
