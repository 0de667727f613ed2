"""What all tests share."""

import torch
from hypothesis import settings

# The networks here are tiny: two workers with two threads each would mostly wait for one another.
torch.set_num_threads(1)

# The same draws in every run: a test that fails now and then is no test.
settings.register_profile("fixed", derandomize=True)
settings.load_profile("fixed")
