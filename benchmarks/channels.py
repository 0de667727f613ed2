"""Does a network keep its accuracy with 2.1 times fewer multiply-adds, and is it ahead of torch-pruning's?

ResNet-20 and ResNet-56 on CIFAR-10 lose whole channels. Beside secateur's: the dense network on the same budget,
torch-pruning's group-norm pruner, and channels chosen by chance; all with the same optimizer steps, learning
rates, batches, augmentation and teacher.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import mean

import onnx_ir
import onnxruntime  # noqa: F401
from benchmarks.channels_rival import fixed_streams, torch_pruned
from benchmarks.channels_task import Subject, quick_teacher, resnet56
from benchmarks.cifar10_task import Bfloat16, Cifar10
from benchmarks.common import Options, Sheet, options, spread, table, train
from torch import nn

from secateur import Distillation, Recipe, Recovery, stages
from secateur.cutting import structure_of_task
from secateur.export import write_graph
from secateur.graph.cost import multiply_adds
from secateur.graph.structure import Structure
from secateur.graph.trace import trace
from secateur.graph.values import look
from secateur.measure.latency import time_calls
from secateur.measure.runtimes import onnx_call
from secateur.patterns import Channels
from secateur.recovery.judge import evaluated
from secateur.schedules import Gradual
from secateur.stages import Stage
