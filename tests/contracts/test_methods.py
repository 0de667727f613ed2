"""Every method of sharing or quantising keeps the same promises, on every kind of weight."""

import copy
import pickle
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from secateur import Calibration, Compression, Recipe
from secateur.quantize import METHODS, Codebook, Half, Int8, WeightOnly
from secateur.quantize.form import Form, Method
from secateur.recovery.coarse import coarse
from secateur.recovery.constraint import Grids

Optimizers = dict[str, Callable[[list[nn.Parameter]], torch.optim.Optimizer]]
OPTIMIZERS: Optimizers = {
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.05, weight_decay=0.1),
    "adamw": lambda parameters: torch.optim.AdamW(parameters, lr=0.05, weight_decay=0.1),
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.5, momentum=0.9, weight_decay=0.1),
}
FEW: dict[str, Callable[[Tensor, Tensor | None], bool]] = {
    "codebook": lambda weight, _: len(set(weight[weight != 0].tolist())) <= 16,
    "half": lambda weight, _: torch.equal(weight, weight.bfloat16().float()),
    "int8": lambda weight, scales: on_grids(weight, scales),
    "weights": lambda weight, scales: on_grids(weight, scales),
}
"""Whether a weight has no other values than the method allows by default."""

METHOD = pytest.mark.parametrize("name", METHODS)


def scattered(*shape: int) -> Tensor:
    """About two thirds zeros."""
    torch.manual_seed(0)
    return torch.randn(shape) * (torch.rand(shape) > 0.65)


WEIGHTS = {
    "matrix": scattered(14, 30),
    "convolution": scattered(6, 5, 3, 3),
    "transposed": scattered(30, 14).T,
    "dense": torch.randn(8, 8, generator=torch.Generator().manual_seed(1)),
    "one row": scattered(1, 40),
    "one column": scattered(40, 1),
    "one element": torch.tensor([[-0.3]]),
    "one value": torch.full((5, 7), 0.3),
    "one value and zeros": 0.3 * (scattered(5, 7) != 0),
    "empty mask": torch.zeros(4, 6),
    "empty row": scattered(6, 6) * torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0, 1.0])[:, None],
    "minus zeros": torch.where(scattered(5, 6) == 0, -0.0, scattered(5, 6)),
    "very small": 1e-20 * scattered(5, 6),
}
WEIGHT = pytest.mark.parametrize("weight", WEIGHTS.values(), ids=WEIGHTS.keys())


def on_grids(weight: Tensor, scales: Tensor | None) -> bool:
    """Whether every value is one float32 product of a whole number, at most 127, and its row's scale."""
    assert scales is not None
    levels = (weight.flatten(1) / scales[:, None]).round().clamp(-127, 127)
    return torch.equal(levels * scales[:, None], weight.flatten(1))


def form_of(name: str, weight: Tensor) -> Form:
    return METHODS[name]()(weight, weight != 0)


def bits(tensor: Tensor) -> bytes:
    return tensor.detach().contiguous().numpy().tobytes()


def trained(form: Form, kind: str, steps: int = 6) -> None:
    """With gradients on every element, the removed ones included."""
    optimizer = OPTIMIZERS[kind](list(form.parameters()))
    for _ in range(steps):
        optimizer.zero_grad()
        weight = form()
        torch.autograd.backward(weight, torch.randn(weight.shape))
        optimizer.step()


@METHOD
@WEIGHT
def test_shape_type_and_finite_values(name: str, weight: Tensor) -> None:
    form = form_of(name, weight)
    assert form().shape == weight.shape
    assert form().dtype == weight.dtype
    assert bool(torch.isfinite(form()).all())
    assert all(bool(torch.isfinite(p).all()) for p in form.parameters())


@METHOD
@WEIGHT
def test_the_weight_itself_is_left_alone_and_the_answer_is_always_the_same(name: str, weight: Tensor) -> None:
    before = bits(weight)
    assert bits(form_of(name, weight)()) == bits(form_of(name, weight)())
    assert bits(weight) == before


@METHOD
@WEIGHT
def test_nearer_than_nothing(name: str, weight: Tensor) -> None:
    """Eight bits lose less than 1 % of a weight's norm, sixteen values less than 15 %."""
    if weight is WEIGHTS["very small"] and METHODS[name] in (Int8, WeightOnly):
        return  # below the least scale, which only zeros are
    wide = weight.double()
    lost = (form_of(name, weight)().detach().double() - wide).norm()
    assert float(lost) <= (0.15 if METHODS[name] is Codebook else 0.01) * float(wide.norm())


@METHOD
@WEIGHT
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_removed_elements_are_plus_zero_whatever_an_optimizer_does(
    name: str, weight: Tensor, kind: str
) -> None:
    form = form_of(name, weight)
    gone = weight == 0
    assert not bits(form()[gone]).strip(b"\0")
    trained(form, kind)
    assert not bits(form()[gone]).strip(b"\0")
    assert bool(torch.isfinite(form()).all())


@METHOD
@WEIGHT
def test_training_moves_it_and_keeps_the_values_few(name: str, weight: Tensor) -> None:
    form = form_of(name, weight)
    before = form().detach()
    assert FEW[name](before, form.scales)
    trained(form, "adam")
    assert FEW[name](form().detach(), form.scales)
    assert weight is WEIGHTS["empty mask"] or not torch.equal(form(), before)


@METHOD
@WEIGHT
def test_the_form_of_a_form_is_the_same(name: str, weight: Tensor) -> None:
    """To the last digit of a scale; codebooks and halves to the last bit."""
    once = form_of(name, weight)().detach()
    again = METHODS[name]()(once, weight != 0)().detach()
    assert torch.equal(again == 0, once == 0)
    tolerance = 0.0 if METHODS[name] in (Codebook, Half) else 3e-7
    torch.testing.assert_close(again, once, rtol=tolerance, atol=0)


@METHOD
@WEIGHT
def test_its_state_is_all_there_is(name: str, weight: Tensor) -> None:
    first, other = form_of(name, weight), form_of(name, weight)
    trained(first, "adam", steps=3)
    other.load_state_dict(copy.deepcopy(first.state_dict()))
    assert bits(other()) == bits(first())


@METHOD
def test_scales_are_those_of_the_rows_or_none(name: str) -> None:
    scales = form_of(name, WEIGHTS["convolution"]).scales
    assert scales is None or (scales.shape == (6,) and bool((scales > 0).all()) and not scales.requires_grad)


@METHOD
def test_copy_pickle_and_words(name: str) -> None:
    method = METHODS[name]()
    assert copy.deepcopy(method) == method
    assert pickle.loads(pickle.dumps(method)) == method
    assert method.noun.isalpha()  # it names a stage, its file and a row of the report
    assert method.noun not in ("pruned", "compressed", "dense")


class Plain(nn.Module):
    """Two layers, some of whose weights are gone, and a bias."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 8), nn.Linear(8, 3, bias=False)
        with torch.no_grad():
            self.first.weight.copy_(scattered(8, 6))
            self.second.weight.copy_(scattered(3, 8))

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.second(torch.tanh(self.first(x)))
        return answer


def held(method: Method, kind: str, steps: int) -> tuple[nn.Module, list[Tensor], Grids]:
    """A network trained under the method, the inputs it saw, and its grids."""
    torch.manual_seed(0)
    model, inputs = Plain(), [torch.randn(4, 6) for _ in range(steps)]

    def loss(model: nn.Module, x: Tensor) -> Tensor:
        error: Tensor = (model(x) - x[:, :3]).square().mean()
        return error

    data = Calibration(lambda: inputs, loss)
    constraint = coarse(model, Recipe.without_pruning(Compression(method=method)), data)
    optimizer = OPTIMIZERS[kind](constraint.parameters())
    for x in inputs:
        optimizer.zero_grad()
        loss(model, x).backward()  # type: ignore[no-untyped-call]
        constraint.before_step()
        optimizer.step()
        constraint.step()
        assert constraint.masks.hold_exactly(model)
    constraint.close()
    return model, inputs, constraint.grids()


@METHOD
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_a_network_trains_under_it_with_its_zeros(name: str, kind: str) -> None:
    before = Plain().state_dict()
    model, inputs, grids = held(METHODS[name](), kind, steps=8)
    for key in ("first.weight", "second.weight"):
        assert FEW[name](model.get_parameter(key).detach(), grids.scales.get(key))
    after = model.state_dict()
    assert all(not torch.equal(after[key], before[key]) for key in before)
    assert np.isfinite(model(inputs[0]).detach().numpy()).all()
