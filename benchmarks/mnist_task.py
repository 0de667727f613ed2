"""Which networks and digits does the MNIST benchmark prune?

LeNet-300-100 and LeNet-5, in the form that Han et al. (arXiv 1506.02626) and Dynamic Network Surgery
(arXiv 1608.04493) pruned: Caffe's, with 431,080 parameters, for images of 28x28.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from benchmarks.common import Options, accuracy, channels_last_, need
from torch import Tensor, nn

from secateur import Metric

Batch = tuple[Tensor, Tensor]
VALIDATION = 5000  # training images that choose checkpoints


def lenet_300_100() -> nn.Module:
    """Two hidden layers, 266,610 parameters."""
    layers = {
        "flat": nn.Flatten(),
        "fc1": nn.Linear(784, 300),
        "relu1": nn.ReLU(),
        "fc2": nn.Linear(300, 100),
        "relu2": nn.ReLU(),
        "fc3": nn.Linear(100, 10),
    }
    return nn.Sequential(OrderedDict(layers))


def lenet_5() -> nn.Module:
    """Caffe's LeNet-5, 431,080 parameters; channels last, which trains twice as fast on a CPU."""
    layers = {
        "conv1": nn.Conv2d(1, 20, 5),
        "pool1": nn.MaxPool2d(2),
        "conv2": nn.Conv2d(20, 50, 5),
        "pool2": nn.MaxPool2d(2),
        "flat": nn.Flatten(),
        "fc1": nn.Linear(800, 500),
        "relu": nn.ReLU(),
        "fc2": nn.Linear(500, 10),
    }
    return channels_last_(nn.Sequential(OrderedDict(layers)))


class Mnist:
    """One network and the digits; 5,000 training images are kept to choose checkpoints."""

    def __init__(self, options: Options, make: Callable[[], nn.Module]) -> None:
        with np.load(need(options.data / "data" / "mnist.npz")) as arrays:
            x, test_x = (
                torch.from_numpy(arrays[k]).float().unsqueeze(1) / 255 for k in ("train_x", "test_x")
            )
            y, test_y = (torch.from_numpy(arrays[k]).long() for k in ("train_y", "test_y"))
        few = 256 if options.quick else None
        self.train_set = x[:-VALIDATION], y[:-VALIDATION]
        self.valid_set = x[-VALIDATION:][:few], y[-VALIDATION:][:few]
        self.test_set = test_x[:few], test_y[:few]
        self.model = make()
        self.example_inputs = (x[:1],)

    def batches(self) -> Iterator[Batch]:
        """64 images at a time, without augmentation."""
        x, y = self.train_set
        for rows in torch.split(torch.randperm(len(y)), 64):
            yield x[rows], y[rows]

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Cross-entropy."""
        x, y = batch
        return F.cross_entropy(model(x), y)

    def evaluate(self, model: nn.Module) -> Metric:
        """Accuracy on the test set."""
        return accuracy(model, *self.test_set)

    def validate(self, model: nn.Module) -> Metric:
        """Accuracy on the images kept from training."""
        return accuracy(model, *self.valid_set)
