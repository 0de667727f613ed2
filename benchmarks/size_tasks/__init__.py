"""Which networks does the file-size benchmark make small, and how is each trained and pruned?"""

from benchmarks.size_tasks.mnist import LENET_5, LENET_300_100
from benchmarks.size_tasks.resnet20 import RESNET_20
from benchmarks.size_tasks.spoken_digits import SPOKEN_DS_CNN, SPOKEN_GRU
from benchmarks.size_tasks.subject import Dense, Goal, SizeTask, Subject
from benchmarks.size_tasks.vgg import VGG

SUBJECTS = (LENET_300_100, LENET_5, RESNET_20, SPOKEN_GRU, SPOKEN_DS_CNN, VGG)

__all__ = ["SUBJECTS", "Dense", "Goal", "SizeTask", "Subject"]
