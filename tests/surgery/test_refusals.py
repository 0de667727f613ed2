from typing import Any

import pytest
import torch
from torch import nn

from secateur.core.groups import Group, Member
from secateur.core.masks import Masks
from secateur.errors import RecipeError, SurgeryError
from secateur.surgery import cut, masks_without

ONE = torch.arange(4)[:, None]
X = torch.randn(3, 3, generator=torch.Generator().manual_seed(0))


def group(prefix: str = "", weight: str = "0.weight") -> Group:
    members = (
        Member(prefix + weight, (4, 3), 0, ONE),
        Member(prefix + "0.bias", (4,), 0, ONE),
        Member(prefix + "2.weight", (2, 4), 1, ONE),
    )
    return Group("0", 4, members, "channels")


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def refused(model: nn.Module, which: Group) -> str:
    masks = masks_without([which], {"0": torch.tensor([True, False, False, False])})
    before = {name: t.clone() for name, t in model.state_dict().items()}
    with pytest.raises(SurgeryError) as raised:
        cut(model, masks, [which], example_inputs=(X,))
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
    return str(raised.value)


def test_data_parallel_says_which_module_to_cut() -> None:
    text = refused(nn.DataParallel(network()), group("module."))
    assert "The network is wrapped in DataParallel" in text
    assert "(model.module)" in text


def test_compiled_networks_say_to_cut_first() -> None:
    compiled: Any = torch.compile(network(), backend="eager")
    assert "(model._orig_mod)" in refused(compiled, group("_orig_mod."))
    inside = network()
    inside[0].compile(backend="eager")
    assert "0 is compiled for the old shapes. Cut first" in refused(inside, group())


def test_scripted_networks_are_refused() -> None:
    with pytest.warns(DeprecationWarning, match="torch.jit.script"):
        scripted = torch.jit.script(network())
    assert "TorchScript" in refused(scripted, group())


def test_parametrized_weights_say_how_to_fold_them() -> None:
    model = network()
    nn.utils.parametrizations.weight_norm(model[0])
    text = refused(model, group(weight="0.parametrizations.weight.original1"))
    assert "the weight of 0 is computed from it" in text
    assert "remove_parametrizations" in text


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_the_older_weight_norm_is_found_by_its_hook() -> None:
    model = network()
    nn.utils.weight_norm(model[0])
    assert "remove_weight_norm(layer)" in refused(model, group(weight="0.weight_v"))


def test_groups_of_another_network_are_refused_with_both_shapes() -> None:
    model = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    text = refused(model, group())
    assert "0.weight of shape (4, 3), which in this network has shape (5, 3)" in text
    assert "does not exist" in refused(nn.Sequential(nn.Linear(3, 4)), group())


def test_masks_that_name_nothing_remove_nothing() -> None:
    model = network()
    done = cut(model, Masks(), [group()], example_inputs=(X,))
    assert done.removed == {}
    assert model[0].out_features == 4


def test_masks_of_another_network_are_refused() -> None:
    masks = Masks({"module.0.weight": torch.ones(4, 3) > 0})
    with pytest.raises(RecipeError, match="'module.0.weight', which this model does not have"):
        cut(network(), masks, [group()], example_inputs=(X,))


@pytest.mark.parametrize("name", ["optimizers", "copies"])
def test_one_thing_in_place_of_several_says_what_to_write(name: str) -> None:
    model: Any = network()
    one = torch.optim.SGD(model.parameters(), 0.1) if name == "optimizers" else model
    given: Any = {name: one}
    with pytest.raises(SurgeryError, match=rf"{name} is a (SGD|Sequential). Expected several, in a list"):
        cut(model, Masks(), [group()], example_inputs=(X,), **given)
