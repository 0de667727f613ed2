"""What all tests share."""

import torch

# The networks here are tiny: two workers with two threads each would mostly wait for one another.
torch.set_num_threads(1)
