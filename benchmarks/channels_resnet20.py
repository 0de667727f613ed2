"""ResNet-20 with 2.1 times fewer multiply-adds: see `benchmarks.channels`."""

from benchmarks.channels import measured
from benchmarks.channels_task import recipe, resnet20
from benchmarks.common import options

STEPS = 150  # of each row


def main() -> None:
    """Every way to choose channels, a short training."""
    with options("channels_resnet20", "Does ResNet-20 keep its accuracy with fewer channels?") as given:
        measured(resnet20(given), given, recipe(STEPS, learning_rate=0.01, features=0.0))


if __name__ == "__main__":
    main()
