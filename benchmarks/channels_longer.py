"""What remains of the difference when networks with fewer channels train longer?

ResNet-20 as in `benchmarks.channels`, with many times the steps and so fewer rows.
"""

from benchmarks.channels import measured
from benchmarks.channels_table import CONTROL
from benchmarks.channels_task import TIMES_FEWER, recipe, resnet20
from benchmarks.common import Sheet, options

STEPS = 1000  # of each row
LEARNING_RATE = 0.02  # more steps bear larger ones


def main() -> None:
    """The control, secateur, and the better of torch-pruning's two."""
    with options("channels_longer", "What remains of the difference after longer training?") as given:
        sheet = Sheet(
            given, f"CIFAR-10 (JPEG images): {TIMES_FEWER:g} times fewer multiply-adds, longer training"
        )
        asked = recipe(20 if given.quick else STEPS, LEARNING_RATE)
        only = (CONTROL, "secateur", "torch-pruning, one ranking")
        measured(resnet20(given), asked, given, sheet, only)
        print(f"\n{sheet}")


if __name__ == "__main__":
    main()
