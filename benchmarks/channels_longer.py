"""What remains of the difference when networks with fewer channels train longer?

ResNet-20 as in `benchmarks.channels_resnet20`, with more steps and so fewer rows.
"""

from benchmarks.channels import measured
from benchmarks.channels_table import CONTROL
from benchmarks.channels_task import TIMES_FEWER, recipe, resnet20
from benchmarks.common import options

STEPS = 1000  # of each row
LEARNING_RATE = 0.05
FEATURES = 100.0  # how much blocks are taught


def main() -> None:
    """The control, secateur, and the better of torch-pruning's two."""
    with options("channels_longer", "What remains of the difference after longer training?") as given:
        only = (CONTROL, "secateur", "torch-pruning, one ranking")
        title = f"{TIMES_FEWER:g} times fewer multiply-adds, longer training"
        measured(resnet20(given), given, recipe(STEPS, LEARNING_RATE, FEATURES), only=only, title=title)


if __name__ == "__main__":
    main()
