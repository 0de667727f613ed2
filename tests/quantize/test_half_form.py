import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from secateur.errors import RecipeError
from secateur.quantize import Half
from secateur.quantize.half import DTYPES
from secateur.quantize.vectors import NARROW


def halved(values: list[float], dtype: str) -> Tensor:
    weight = torch.tensor([values])
    form = Half(dtype)(weight, torch.ones_like(weight, dtype=torch.bool))  # type: ignore[arg-type]
    answer: Tensor = form().detach()
    return answer


def test_bfloat16_keeps_eight_bits_and_rounds_to_even() -> None:
    """257 lies between 256 and 258, whose mantissas are even and odd; 259 between 258 and 260."""
    assert halved([1.0, 257.0, 259.0, -3.14159265, 1e38], "bfloat16").tolist() == [
        [1.0, 256.0, 260.0, -3.140625, float(torch.tensor(1e38).bfloat16())]
    ]


def test_float16_keeps_eleven_bits_and_clips_what_it_cannot_reach() -> None:
    assert halved([2049.0, 2051.0, 1e6, -1e6], "float16").tolist() == [[2048.0, 2052.0, 65504.0, -65504.0]]


@given(
    st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1),
    st.sampled_from(list(DTYPES)),
)
def test_values_are_those_of_numpys_narrow_type(values: list[float], dtype: str) -> None:
    found = halved(values, dtype).numpy()
    assert np.array_equal(found.astype(NARROW[dtype]).astype(np.float32), found)
    largest = torch.finfo(DTYPES[dtype]).max
    wide = np.clip(np.array([values], np.float32), -largest, largest)
    assert np.array_equal(found, wide.astype(NARROW[dtype]).astype(np.float32))


@pytest.mark.parametrize("dtype", DTYPES)
def test_gradients_are_not_rounded(dtype: str) -> None:
    """In float16 all three would be zero or infinite."""
    weight = torch.tensor([[0.5, 1.0, 2.0]])
    form = Half(dtype)(weight, torch.ones(1, 3, dtype=torch.bool))  # type: ignore[arg-type]
    gradient = torch.tensor([[1.2345e-9, -3e-20, 1e9]])
    torch.autograd.backward(form(), gradient)
    [latent] = form.parameters()
    assert latent.grad is not None
    assert torch.equal(latent.grad, gradient)


def test_an_unknown_type() -> None:
    with pytest.raises(RecipeError, match=r"Half\(dtype='float8'\): expected one of bfloat16, float16"):
        Half("float8")  # type: ignore[arg-type]


def test_bfloat16_of_float16_weights() -> None:
    weight = torch.tensor([[1.0, 65504.0, -3.1415926]], dtype=torch.float16)
    rounded = Half()(weight, weight != 0)()
    assert rounded.dtype == torch.float16
    assert rounded[0, 0] == 1
    assert bool(rounded.isfinite().all())
