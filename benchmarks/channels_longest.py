"""What remains of the difference when networks with fewer channels train six times longer still?

ResNet-20 as in `benchmarks.channels_longer`. A row takes about 50 minutes of a core; rows can be trained side
by side, each by a process of its own that `--only` names, with one `--work` for all. A last call with that
folder makes the table.
"""

from dataclasses import replace

from benchmarks.channels import measured
from benchmarks.channels_longer import FEATURES, LEARNING_RATE
from benchmarks.channels_table import CONTROL
from benchmarks.channels_task import TIMES_FEWER, recipe, resnet20
from benchmarks.common import options

STEPS = 6000  # of each row
LOOK = 1000  # steps between two looks at the images that choose


def main() -> None:
    """The control, secateur, and the better of torch-pruning's two."""
    rows = (CONTROL, "secateur", "torch-pruning, one ranking")
    with options("channels_longest", "What remains of the difference after long training?", rows) as given:
        asked = recipe(STEPS, LEARNING_RATE, FEATURES)
        asked = replace(asked, recovery=replace(asked.recovery, evaluate_every=LOOK))
        title = f"{TIMES_FEWER:g} times fewer multiply-adds, long training"
        measured(resnet20(given), given, asked, only=given.only, title=title)


if __name__ == "__main__":
    main()
