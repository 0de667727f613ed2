import torch
from torch import nn

from secateur.surgery.journal import Journal
from secateur.surgery.slicing import named_tensors, take, without_subnormals


def test_take_keeps_positions_on_several_axes_and_is_a_copy() -> None:
    matrix = torch.arange(12).reshape(3, 4)
    taken = take(matrix, {0: torch.tensor([0, 2]), 1: torch.tensor([1, 3])})
    assert taken.tolist() == [[1, 3], [9, 11]]
    taken.zero_()
    assert int(matrix.sum()) == 66


def test_channels_last_weights_stay_so() -> None:
    weight = torch.randn(4, 6, 3, 3).to(memory_format=torch.channels_last)
    for axis in (0, 1):
        taken = take(weight, {axis: torch.tensor([0, 3])})
        assert taken.is_contiguous(memory_format=torch.channels_last)
    assert take(weight.contiguous(), {0: torch.tensor([0, 3])}).is_contiguous()


def test_subnormals_become_zero_in_every_float_and_nothing_else_does() -> None:
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        tiny = torch.finfo(dtype).tiny
        numbers = torch.tensor([tiny, -tiny, tiny / 2, -tiny / 2, 1.0, torch.nan, -torch.inf], dtype=dtype)
        flushed = without_subnormals(numbers)
        assert flushed[:5].tolist() == [tiny, -tiny, 0.0, 0.0, 1.0]
        assert flushed[5].isnan()
        assert flushed[6] == -torch.inf
    whole = torch.tensor([0, 1])
    assert without_subnormals(whole) is whole


def test_tied_tensors_have_all_their_names() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    names = named_tensors(model)
    assert names["0.weight"] is names["1.weight"]


def test_a_journal_goes_back_the_latest_change_first() -> None:
    layer, journal = nn.Linear(2, 3), Journal()
    weight, before = layer.weight, layer.weight.detach().clone()
    journal.set(layer, "out_features", 2)
    journal.shrink(weight, weight.detach()[:2], None)
    journal.set(layer, "out_features", 1)
    journal.shrink(weight, weight.detach()[:1], None)
    journal.remember(layer.bias)
    with torch.no_grad():
        layer.bias.fill_(7)
    journal.undo()
    assert layer.out_features == 3
    assert layer.weight is weight
    assert torch.equal(weight, before)
    assert 7 not in layer.bias.tolist()
    journal.undo()
    assert layer.out_features == 3
