import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from secateur import Calibration, Int8
from secateur.errors import NumericalError
from secateur.recovery.activations import ActivationGrid, RoundedInputs

ENDS = st.tuples(st.floats(-50, 0, width=32), st.floats(0.125, 50, width=32))


class Two(nn.Module):
    """A convolution, a linear layer, and one that is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.linear = nn.Conv1d(2, 3, 3), nn.Linear(12, 2)
        self.unused = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.linear(torch.relu(self.conv(x)).flatten(1))
        return answer


def calibration(*batches: Tensor) -> Calibration:
    def loss(model: nn.Module, x: Tensor) -> Tensor:
        total: Tensor = model(x).square().mean()
        return total

    return Calibration(lambda: list(batches), loss)


def entering(model: nn.Module, name: str) -> list[Tensor]:
    """What enters a layer from now on, behind the hooks that are there."""
    seen: list[Tensor] = []
    original = model.get_submodule(name)
    forward: Callable[[Tensor], Tensor] = original.forward
    original.forward = lambda x: (seen.append(x.detach()), forward(x))[1]  # type: ignore[func-returns-value]
    return seen


@pytest.fixture
def model() -> Two:
    torch.manual_seed(0)
    return Two()


@pytest.fixture
def inputs() -> list[Tensor]:
    torch.manual_seed(1)
    return [torch.randn(8, 2, 6) for _ in range(3)]


def test_levels_of_a_grid_from_0_to_255() -> None:
    grid = ActivationGrid((0.0, 255.0))
    assert grid(torch.tensor([-3.0, 0.2, 0.6, 7.0, 254.7, 300.0])).tolist() == [0, 0, 1, 7, 255, 255]
    assert grid.range == (0.0, 255.0)


def test_zero_is_a_level_of_a_grid_below_and_above_it() -> None:
    grid = ActivationGrid((-1.0, 1.55))  # steps of 0.01; zero is level 100
    assert grid(torch.tensor([-2.0, 0.0, 0.004, 0.006, 9.0])).tolist() == pytest.approx(
        [-1.0, 0.0, 0.0, 0.01, 1.55]
    )
    assert grid.range == pytest.approx((-1.0, 1.55))


@given(ENDS, st.lists(st.floats(-100, 100, width=32), min_size=1))
def test_the_nearest_of_256_levels_and_zero_exactly(ends: tuple[float, float], values: list[float]) -> None:
    grid = ActivationGrid(ends)
    low, high = grid.range
    step = (high - low) / 255
    x = torch.tensor([0.0, *values])
    y = grid(x).detach()
    assert y[0].numpy().tobytes() == bytes(4)
    assert float((y - x.clamp(low, high)).abs().max()) <= step / 2 + 1e-4 * max(-low, high)
    levels = (y.double() / step).numpy()
    assert np.abs(levels - levels.round()).max() < 1e-3
    assert low / step == pytest.approx(round(low / step), abs=1e-3)  # the file's zero point is whole
    assert torch.allclose(grid(y), y, rtol=1e-6, atol=0)


def test_gradients_pass_inside_and_reach_the_spacing() -> None:
    grid = ActivationGrid((0.0, 255.0))
    x = torch.tensor([-3.0, 0.25, 300.0], requires_grad=True)
    grid(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 1.0, 0.0]
    [growth] = grid.parameters()
    assert growth.grad is not None
    assert float(growth.grad) == pytest.approx(
        0 + (0 - 0.25) + 255
    )  # level - x / scale inside, level outside


def test_a_layer_that_only_sees_zeros_answers_zeros() -> None:
    assert ActivationGrid((0.0, 0.0))(torch.zeros(3)).tolist() == [0, 0, 0]


def test_what_enters_a_layer_is_rounded_until_close(model: Two, inputs: list[Tensor]) -> None:
    rounding = RoundedInputs(model, Int8(ranges="minmax"), calibration(*inputs))
    seen = entering(model, "linear")
    model(inputs[0])
    exact = torch.relu(model.conv(inputs[0])).flatten(1).detach()
    low, high = rounding.ranges()["linear.weight"]
    assert low == 0.0
    assert len(set(seen[0].flatten().tolist())) <= 256
    assert not torch.equal(seen[0], exact)
    assert float((seen[0] - exact).abs().max()) <= (high - low) / 255 / 2 * 1.01
    rounding.close()
    model(inputs[0])
    assert torch.equal(seen[1], torch.relu(model.conv(inputs[0])).flatten(1))
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_minmax_ranges_are_what_was_seen_in_the_asked_number_of_batches(
    model: Two, inputs: list[Tensor]
) -> None:
    two = torch.stack(inputs[:2])
    ranges = RoundedInputs(model, Int8(ranges="minmax", batches=2), calibration(*inputs)).ranges()
    assert set(ranges) == {"conv.weight", "linear.weight"}  # the one that is never called has none
    low, high = ranges["conv.weight"]
    step = (high - low) / 255
    assert high - low == pytest.approx(float(two.max() - two.min()), rel=1e-5)
    assert low == pytest.approx(float(two.min()), abs=step)


def test_looking_leaves_the_network_as_it_was(inputs: list[Tensor]) -> None:
    model = nn.Sequential(
        nn.BatchNorm1d(2), nn.Conv1d(2, 3, 3), nn.Dropout(0.5), nn.Flatten(), nn.Linear(12, 1)
    )
    model[2].eval()
    before = copy.deepcopy(model.state_dict())
    RoundedInputs(model, Int8(), calibration(*inputs)).close()
    assert model.training
    assert not model[2].training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_layers_that_share_a_weight_share_a_grid(inputs: list[Tensor]) -> None:
    """The file knows one range for one weight."""

    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inward, self.outward = nn.Linear(6, 6), nn.Linear(6, 6)
            self.outward.weight = self.inward.weight

        def forward(self, x: Tensor) -> Tensor:
            answer: Tensor = self.outward(100 * self.inward(x))
            return answer

    tied = Tied()
    widest = max(float((100 * tied.inward(x)).detach().max()) for x in inputs)
    rounding = RoundedInputs(tied, Int8(ranges="minmax"), calibration(*inputs))
    assert set(rounding.ranges()) == {"inward.weight"}
    assert rounding.ranges()["inward.weight"][1] == pytest.approx(widest, rel=0.01)
    seen = entering(tied, "outward")
    tied(inputs[0])
    assert len(set(seen[0].flatten().tolist())) <= 256


def test_an_input_may_be_named(inputs: list[Tensor]) -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(6, 6)

        def forward(self, x: Tensor) -> Tensor:
            answer: Tensor = self.linear(input=x)
            return answer

    model = Named()
    exact = model(inputs[0])
    rounding = RoundedInputs(model, Int8(), calibration(*inputs))
    assert set(rounding.ranges()) == {"linear.weight"}
    assert not torch.equal(model(inputs[0]), exact)
    assert torch.allclose(model(inputs[0]), exact, atol=0.1)


def test_layers_that_runtimes_compute_in_float_get_what_they_got(inputs: list[Tensor]) -> None:
    model = nn.Sequential(nn.ConvTranspose1d(2, 2, 3), nn.GRU(8, 4))
    data = Calibration(lambda: inputs, lambda model, x: model(x)[0].square().mean())
    assert RoundedInputs(model, Int8(), data).ranges() == {}


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_calibration_batch_that_is_not_finite_is_named(
    model: Two, inputs: list[Tensor], bad: float
) -> None:
    inputs[1][0, 0, 0] = bad
    with pytest.raises(NumericalError, match=r"enters the layer of conv\.weight holds NaN or infinity"):
        RoundedInputs(model, Int8(), calibration(*inputs))
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_a_constant_activation_has_a_range(model: Two) -> None:
    ranges = RoundedInputs(model, Int8(), calibration(torch.full((4, 2, 6), -0.7))).ranges()
    low, high = ranges["conv.weight"]
    assert low == pytest.approx(-0.7, rel=1e-2)
    assert high == 0.0


def test_its_state_is_all_there_is(model: Two, inputs: list[Tensor]) -> None:
    data = calibration(*inputs)
    first, other = (RoundedInputs(copy.deepcopy(model), Int8(), data) for _ in range(2))
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.add_(0.3)
    assert other.ranges() != first.ranges()
    state: dict[str, Any] = copy.deepcopy(first.state_dict())
    other.load_state_dict(state)
    assert other.ranges() == first.ranges()


def test_batches_are_drawn_lazily(model: Two, inputs: list[Tensor]) -> None:
    """Calibration on two batches must not read a whole epoch of a large data set."""
    drawn: list[int] = []

    def batches() -> Iterator[Tensor]:
        for number, x in enumerate(inputs):
            drawn.append(number)
            yield x

    RoundedInputs(model, Int8(batches=2), Calibration(batches, calibration().loss))
    assert drawn == [0, 1]
