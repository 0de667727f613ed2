import pytest
import torch
from tiny import Tiny
from torch import Tensor, nn

from secateur.recovery.batchnorm import reestimate_, tracks_statistics


class Plain(Tiny):
    def loss(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        total: Tensor = model(batch[0]).sum()
        return total


def test_statistics_become_the_averages_over_the_batches() -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(3, momentum=0.3)
    model = nn.Sequential(norm, nn.Dropout(0.5))
    norm.running_mean.fill_(99.0)  # type: ignore[union-attr]
    batches = [(torch.randn(8, 3) + i, torch.zeros(8)) for i in range(4)]
    assert tracks_statistics(model)
    reestimate_(model, Plain(), batches)
    means = torch.stack([x.mean(0) for x, _ in batches]).mean(0)
    variances = torch.stack([x.var(0) for x, _ in batches]).mean(0)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert torch.allclose(norm.running_mean, means, atol=1e-6)
    assert torch.allclose(norm.running_var, variances, atol=1e-6)
    assert norm.momentum == 0.3
    assert model.training


def test_a_loss_that_fails_leaves_the_momentum_alone() -> None:
    norm = nn.BatchNorm1d(3, momentum=0.3)
    with pytest.raises(RuntimeError):
        reestimate_(norm, Plain(), [(torch.randn(8, 4), torch.zeros(8))])
    assert norm.momentum == 0.3


def test_a_network_without_statistics_says_so() -> None:
    assert not tracks_statistics(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3, track_running_stats=False)))
