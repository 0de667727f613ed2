"""What scores of channels come to where whole channels go, in networks of layers of unequal size."""

import pytest
import torch
from torch import nn

from secateur import BnScale, Calibration, Channels, Gates, GlobalRank, Random, Recipe, cuttable, find_masks
from secateur.core.protocols import Criterion
from secateur.graph.structure import Structure
from secateur.surgery import removed_units

WIDTHS = (16, 32, 64)


def network(*, bias: bool) -> tuple[nn.Module, Structure]:
    torch.manual_seed(0)
    pairs = zip((3, *WIDTHS[:-1]), WIDTHS, strict=True)
    layers = [
        layer
        for given, width in pairs
        for layer in (nn.Conv2d(given, width, 3, padding=1, bias=bias), nn.BatchNorm2d(width), nn.ReLU())
    ]
    head = nn.Linear(WIDTHS[-1], 5, bias=bias)
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head).eval()
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.weight.uniform_(0.1, 2)
    return model, cuttable(model, (torch.randn(2, 3, 6, 6),))


def gone(
    model: nn.Module, structure: Structure, criterion: Criterion, allocation: GlobalRank, pool: str = "sum"
) -> dict[str, torch.Tensor]:
    pattern = Channels(pool=pool, relative=False, round_to=1)  # type: ignore[arg-type]
    recipe = Recipe(
        sparsity=0.5, measure="channels", pattern=pattern, criterion=criterion, allocation=allocation
    )
    x = torch.randn(4, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    data = Calibration(lambda: [x], lambda network, batch: network(batch).square().mean())
    return removed_units(structure.groups, find_masks(model, recipe, data=data, structure=structure))


@pytest.mark.parametrize("per_cost", [False, True])
@pytest.mark.parametrize("pool", ["sum", "mean", "max"])
def test_chance_takes_every_channel_alike(pool: str, per_cost: bool) -> None:
    model, structure = network(bias=False)
    shares = torch.zeros(len(WIDTHS))
    for seed in range(8):
        found = gone(model, structure, Random(seed), GlobalRank(per_cost=per_cost), pool)
        shares += torch.tensor([float(found[group.name].float().mean()) for group in structure.groups]) / 8
    assert bool(((shares > 0.35) & (shares < 0.65)).all()), shares


def test_batchnorm_scales_are_ranked_as_they_are() -> None:
    model, structure = network(bias=False)
    gammas = [layer.weight.detach().abs() for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    threshold = torch.cat(gammas).sort().values[sum(WIDTHS) // 2 - 1]
    found = gone(model, structure, BnScale(), GlobalRank())
    for group, gamma in zip(structure.groups, gammas, strict=True):
        assert found[group.name].tolist() == (gamma <= threshold).tolist()


def test_gates_of_layers_do_not_depend_on_what_reads_them() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(4, 8, bias=False), nn.Linear(8, 8, bias=False), nn.Linear(8, 3, bias=False)
    )
    x = torch.randn(6, 4)
    structure = cuttable(model, (x,))
    data = Calibration(lambda: [x], lambda network, batch: network(batch).square().mean())
    gates = [torch.ones(8, requires_grad=True) for _ in range(2)]
    loss = model[2](model[1](model[0](x) * gates[0]) * gates[1]).square().mean()
    wanted = torch.cat(torch.autograd.grad(loss, gates)).square()
    recipe = Recipe(
        sparsity=0.5,
        measure="channels",
        pattern=Channels(pool="sum", relative=False, round_to=1),
        criterion=Gates(),
        allocation=GlobalRank(),
    )
    found = removed_units(structure.groups, find_masks(model, recipe, data=data, structure=structure))
    removed = torch.cat([found[group.name] for group in structure.groups])
    assert removed.tolist() == (wanted <= wanted.sort().values[7]).tolist()
