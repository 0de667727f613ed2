import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from coupled import bits
from torch import nn
from torch.optim import Optimizer

from secateur.core.groups import Group, Member
from secateur.core.masks import Masks
from secateur.errors import SurgeryError
from secateur.surgery import cuttable, masks_without
from secateur.surgery.cutting import Cut, cut

X = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
ONE = torch.arange(6)[:, None]
GROUP = Group(
    "0",
    6,
    (Member("0.weight", (6, 3), 0, ONE), Member("0.bias", (6,), 0, ONE), Member("2.weight", (2, 6), 1, ONE)),
    "channels",
)
GONE = torch.tensor([True, False, False, True, False, False])
STAY = [1, 2, 4, 5]
MASKS = masks_without([GROUP], {"0": GONE})

MAKERS: dict[str, Callable[[Any], Optimizer]] = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01, amsgrad=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.01),
    "plain": lambda p: torch.optim.SGD(p, lr=0.1),
}


def network() -> Any:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2))


def step(model: nn.Module, optimizer: Optimizer) -> None:
    optimizer.zero_grad()
    model(X).square().sum().backward()
    optimizer.step()


def do_cut(model: nn.Module, *optimizers: Optimizer, copies: tuple[nn.Module, ...] = ()) -> Cut:
    return cut(model, MASKS, [GROUP], example_inputs=(X,), optimizers=optimizers, copies=copies)


@pytest.mark.parametrize("name", MAKERS)
def test_training_goes_on_as_that_of_the_masked_network(name: str) -> None:
    """Held masked, the network gets the same steps: what is cut from it contributes nothing."""
    model = network()
    optimizer = MAKERS[name](model.parameters())
    for _ in range(3):
        step(model, optimizer)
    masked = copy.deepcopy(model)
    MASKS.apply_(masked)
    same = MAKERS[name](masked.parameters())
    same.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    do_cut(model, optimizer)
    for _ in range(3):
        step(model, optimizer)
        step(masked, same)
        MASKS.apply_(masked)
    assert model[0].weight.shape == (4, 3)
    torch.testing.assert_close(model[0].weight, masked[0].weight[STAY])
    torch.testing.assert_close(model[0].bias, masked[0].bias[STAY])
    torch.testing.assert_close(model[2].weight, masked[2].weight[:, STAY])


@pytest.mark.parametrize("name", MAKERS)
def test_undo_after_more_training_restores_network_and_optimizer(name: str) -> None:
    model = network()
    optimizer = MAKERS[name](model.parameters())
    step(model, optimizer)
    before, state = bits(model), copy.deepcopy(optimizer.state_dict()["state"])
    done = do_cut(model, optimizer)
    step(model, optimizer)
    done.undo()
    assert bits(model) == before
    torch.testing.assert_close(optimizer.state_dict()["state"], state, rtol=0, atol=0)
    step(model, optimizer)
    assert model[0].weight.shape == (6, 3)


def test_undo_forgets_what_an_optimizer_first_kept_after_the_cut() -> None:
    model = network()
    optimizer = torch.optim.Adam(model.parameters())
    done = do_cut(model, optimizer)
    step(model, optimizer)
    done.undo()
    assert not optimizer.state
    step(model, optimizer)


def test_a_foreign_parameter_is_named_by_its_place() -> None:
    model, other = network(), nn.Linear(5, 4)
    optimizer = torch.optim.SGD(
        [{"params": model.parameters()}, {"params": [other.bias, other.weight]}], lr=1
    )
    before = bits(model)
    with pytest.raises(SurgeryError, match=r"Parameter 0 of group 1 of SGD, of shape \(4,\), is not"):
        do_cut(model, optimizer)
    assert bits(model) == before


def test_a_state_of_another_shape_is_refused_and_nothing_is_cut() -> None:
    model = network()
    optimizer = torch.optim.Adafactor(model.parameters())
    step(model, optimizer)
    before, state = bits(model), copy.deepcopy(optimizer.state_dict()["state"])
    with pytest.raises(SurgeryError, match=r"Adafactor keeps 'row_var' of shape \(6, 1\) for 0.weight"):
        do_cut(model, optimizer)
    assert bits(model) == before
    torch.testing.assert_close(optimizer.state_dict()["state"], state, rtol=0, atol=0)


def test_copies_are_cut_too_and_go_on_following() -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    average: Any = torch.optim.swa_utils.AveragedModel(model)
    plain = copy.deepcopy(model)
    step(model, optimizer)
    average.update_parameters(model)
    before = bits(average)
    mean = average.module[0].weight[STAY].clone()
    done = do_cut(model, optimizer, copies=(average, plain))
    assert torch.equal(average.module[0].weight, mean)
    assert (average.module[0].out_features, plain[0].out_features) == (4, 4)
    step(model, optimizer)
    average.update_parameters(model)
    assert average(X).shape == plain(X).shape == (8, 2)
    done.undo()
    assert bits(average) == before
    assert plain[0].out_features == 6


def test_a_copy_of_another_network_is_refused() -> None:
    with pytest.raises(SurgeryError, match=r"Sequential\) differs .* 0.bias: \(4,\) instead of \(6,\)"):
        do_cut(network(), copies=(nn.Sequential(nn.Linear(3, 4)),))


def test_a_gradient_scaler_needs_nothing() -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scaler = torch.amp.GradScaler("cpu")
    for cut_now in (True, False):
        optimizer.zero_grad()
        scaler.scale(model(X).square().sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        if cut_now:
            do_cut(model, optimizer)
    assert model[0].weight.shape == (4, 3)
    assert scaler.get_scale() == 65536.0


def test_state_of_all_parameters_together_is_refused_wherever_it_is_kept() -> None:
    """L-BFGS keeps it under its first parameter, which loses nothing here."""
    model = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2))
    names = ("2.bias", "0.weight", "0.bias", "2.weight")
    optimizer = torch.optim.LBFGS([model.get_parameter(name) for name in names])

    def closure() -> Any:
        optimizer.zero_grad()
        loss = model(X).square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    with pytest.raises(SurgeryError, match="LBFGS keeps .* which part of it belongs to which channel"):
        do_cut(model, optimizer)
    assert model[0].weight.shape == (6, 3)


def test_a_bias_that_a_cut_adds_has_a_name_beside_its_weight() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 2, bias=False))
    optimizer = torch.optim.AdamW(list(model.named_parameters()), lr=0.01)
    with torch.no_grad():
        model[0].bias.fill_(0.5)  # type: ignore[operator]
    masks = Masks({"0.weight": ~GONE[:, None].expand(6, 3).clone()})
    groups = cuttable(model, (X,)).groups
    cut(model, masks, groups, example_inputs=(X,), optimizers=[optimizer])
    group = optimizer.param_groups[0]
    assert group["param_names"] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert len(group["params"]) == 4
