import copy
from typing import Any

import pytest
import torch
from coupled import bits, stir
from torch import Tensor, nn

from secateur.core.groups import Group, Member
from secateur.core.masks import Masks
from secateur.surgery import cut

FOUR = torch.arange(4)[:, None]


def rows_masked(name: str, shape: tuple[int, ...], rows: list[int]) -> Masks:
    """As other tools prune: only the weight's rows, neither its bias nor what reads it."""
    mask = torch.ones(shape, dtype=torch.bool)
    mask[rows] = False
    return Masks({name: mask})


def mlp_group() -> Group:
    members = (
        Member("0.weight", (4, 3), 0, FOUR),
        Member("0.bias", (4,), 0, FOUR),
        Member("2.weight", (2, 4), 1, FOUR),
    )
    return Group("0", 4, members, "channels")


def mlp(bias: bool = True) -> Any:
    return stir(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2, bias=bias)))


X = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))


def masked_answer(model: nn.Module, masks: Masks, x: Tensor) -> Tensor:
    masked = copy.deepcopy(model).eval()
    masks.apply_(masked)
    with torch.no_grad():
        answer: Tensor = masked(x)
    return answer


def test_the_next_bias_takes_over_what_a_silent_unit_answers() -> None:
    model = mlp()
    masks = rows_masked("0.weight", (4, 3), [1, 3])
    expected = masked_answer(model, masks, X)
    constants, columns = model[0].bias[[1, 3]].tanh(), model[2].weight[:, [1, 3]]
    bias = (model[2].bias + columns @ constants).detach().clone()
    done = cut(model, masks, [mlp_group()], example_inputs=(X,))
    assert (done.removed, done.kept) == ({"0": 2}, {})
    assert model[2].weight.shape == (2, 2)
    torch.testing.assert_close(model[2].bias.detach(), bias)
    torch.testing.assert_close(model(X).detach(), expected)


def test_a_layer_that_is_called_by_keyword_takes_over_too() -> None:
    class Named(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            answer: Tensor = self[2](input=self[1](self[0](input=x)))
            return answer

    model = Named(*mlp())
    masks = rows_masked("0.weight", (4, 3), [1, 3])
    expected = masked_answer(model, masks, X)
    done = cut(model, masks, [mlp_group()], example_inputs=(X,))
    assert (done.removed, done.kept) == ({"0": 2}, {})
    torch.testing.assert_close(model(X).detach(), expected)


def test_a_bias_is_made_where_there_was_none_and_trained_from_then_on() -> None:
    model = mlp(bias=False)
    optimizer = torch.optim.Adam([{"params": [model[2].weight]}, {"params": list(model[0].parameters())}])
    before = bits(model)
    done = cut(
        model,
        rows_masked("0.weight", (4, 3), [0]),
        [mlp_group()],
        example_inputs=(X,),
        optimizers=[optimizer],
    )
    bias = model[2].bias
    assert bias is not None
    assert [p is bias for p in optimizer.param_groups[0]["params"]] == [False, True]
    made = bias.detach().clone()
    model(X).sum().backward()
    optimizer.step()
    assert not torch.equal(bias.detach(), made)
    done.undo()
    assert model[2].bias is None
    assert bits(model) == before
    assert len(optimizer.param_groups[0]["params"]) == 1
    assert bias not in optimizer.state


def test_copies_take_over_their_own_constants() -> None:
    model, average = mlp(), mlp()
    stir(average, seed=7)
    masks = rows_masked("0.weight", (4, 3), [2])
    expected = masked_answer(average, masks, X)
    cut(model, masks, [mlp_group()], example_inputs=(X,), copies=[average])
    torch.testing.assert_close(average(X).detach(), expected)


def test_the_last_unit_of_a_group_stays() -> None:
    model = mlp()
    done = cut(model, rows_masked("0.weight", (4, 3), [0, 1, 2, 3]), [mlp_group()], example_inputs=(X,))
    assert (done.removed, done.kept) == ({"0": 3}, {"0": "one unit must stay"})


class Images(nn.Module):
    """Convolution, BatchNorm, an activation, and a convolution that may pad."""

    def __init__(self, activation: nn.Module, **second: Any) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.act = activation
        self.second = nn.Conv2d(4, 3, **second)

    def forward(self, x: Tensor) -> Any:
        return self.second(self.act(self.norm(self.first(x))))


def images_group(kernel: int) -> Group:
    vectors = ("norm.weight", "norm.bias", "norm.running_mean", "norm.running_var")
    members = (
        Member("first.weight", (4, 2, 3, 3), 0, FOUR),
        *(Member(name, (4,), 0, FOUR, name.startswith("norm.running")) for name in vectors),
        Member("second.weight", (3, 4, kernel, kernel), 1, FOUR),
    )
    return Group("first", 4, members, "channels")


IMAGES = torch.randn(2, 2, 6, 6, generator=torch.Generator().manual_seed(0))
ROWS = rows_masked("first.weight", (4, 2, 3, 3), [0, 1])


@pytest.mark.parametrize(
    "second",
    [
        {"kernel_size": 3},
        {"kernel_size": 1},
        {"kernel_size": 3, "padding": "valid", "bias": False},
        {"kernel_size": 3, "padding": 1, "padding_mode": "reflect"},
    ],
    ids=str,
)
def test_batch_norms_bias_goes_through_the_activation_into_the_next_convolution(
    second: dict[str, Any],
) -> None:
    model: Any = stir(Images(nn.SiLU(), **second)).eval()
    group = images_group(second["kernel_size"])
    expected = masked_answer(model, ROWS, IMAGES)
    done = cut(model, ROWS, [group], example_inputs=(IMAGES,))
    assert (done.removed, done.kept) == ({"first": 2}, {})
    assert model.norm.num_features == 2
    torch.testing.assert_close(model(IMAGES).detach(), expected)


@pytest.mark.parametrize("padding", [1, "same"])
def test_zero_padding_keeps_the_unit_and_says_so(padding: Any) -> None:
    """At the border the kernel reads zeros where it would read the constant."""
    model: Any = stir(Images(nn.SiLU(), kernel_size=3, padding=padding)).eval()
    expected = masked_answer(model, ROWS, IMAGES)
    done = cut(model, ROWS, [images_group(3)], example_inputs=(IMAGES,))
    assert done.removed == {}
    assert done.kept.keys() == {"first"}
    assert "second pads with zeros" in done.kept["first"]
    torch.testing.assert_close(model(IMAGES).detach(), expected)
    assert model.first.out_channels == 4


def test_a_constant_of_zero_can_go_in_spite_of_padding() -> None:
    model: Any = stir(Images(nn.ReLU(), kernel_size=3, padding=1)).eval()
    with torch.no_grad():
        model.norm.bias[:2] = torch.tensor([-9.0, 9.0])
    expected = masked_answer(model, ROWS, IMAGES)
    done = cut(model, ROWS, [images_group(3)], example_inputs=(IMAGES,))
    assert done.removed == {"first": 1}
    assert "second pads with zeros" in done.kept["first"]
    torch.testing.assert_close(model(IMAGES).detach(), expected)


class Skipping(nn.Module):
    """The channels get their positions added: masked or not, they are not constant."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 4), nn.Linear(4, 2)
        self.scale = nn.Parameter(torch.ones(1, 4))

    def forward(self, x: Tensor) -> Any:
        return self.second(self.first(x) * self.scale + x.mean(-1, keepdim=True))


def test_a_unit_that_is_not_constant_stays() -> None:
    model = stir(Skipping())
    members = (
        Member("first.weight", (4, 3), 0, FOUR),
        Member("first.bias", (4,), 0, FOUR),
        Member("second.weight", (2, 4), 1, FOUR),
    )
    masks = rows_masked("first.weight", (4, 3), [1])
    done = cut(model, masks, [Group("first", 4, members, "channels")], example_inputs=(X,))
    assert (done.removed, done.kept) == ({}, {"first": "second does not read a constant from it (unit 1)"})
    other = (Member("scale", (1, 4), 1, FOUR), *members)
    done = cut(model, masks, [Group("first", 4, other, "channels")], example_inputs=(X,))
    assert "scale is read in a way" in done.kept["first"]


def test_units_silenced_and_units_removed_go_in_one_cut() -> None:
    """Rows 0 and 1 are masked; of unit 0 the bias and the columns, too."""
    model = mlp()
    masks = rows_masked("0.weight", (4, 3), [0, 1])
    bias, columns = torch.ones(4, dtype=torch.bool), torch.ones(2, 4, dtype=torch.bool)
    bias[0], columns[:, 0] = False, False
    every = Masks({**masks.tensors, "0.bias": bias, "2.weight": columns})
    expected = masked_answer(model, every, X)
    done = cut(model, every, [mlp_group()], example_inputs=(X,))
    assert done.removed == {"0": 2}
    torch.testing.assert_close(model(X).detach(), expected)
