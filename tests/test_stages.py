import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny import Tiny, make_model
from torch import nn

from secateur import Codebook, Compression, Recipe, Recovery, WeightOnly, stages
from secateur.export import save_state
from secateur.recovery.progress import Silent
from secateur.stages import Stage

QUICK = Recovery(steps=6, evaluate_every=3, batchnorm_batches=2)
RECIPE = Recipe(
    sparsity=0.5, recovery=QUICK, compress=Compression(WeightOnly(4), recovery=replace(QUICK, steps=4))
)


@pytest.fixture(scope="module")
def task() -> Tiny:
    return Tiny()


def steps(stage: Stage | None) -> int:
    assert stage is not None
    return stage.recipe.recovery.steps


def test_what_it_is_compared_with_is_trained_for_the_steps_of_all_stages(task: Tiny) -> None:
    assert steps(stages.pruned(task, RECIPE)) == 6
    assert steps(stages.compressed(RECIPE, task.model)) == 4
    assert steps(stages.dense_control(task, RECIPE)) == 10
    assert steps(stages.small_dense_baseline(task, RECIPE, 2000, seed=0)) == 10 + Tiny.training_steps


def test_the_small_dense_network_is_the_largest_whose_file_is_no_larger(task: Tiny, tmp_path: Path) -> None:
    def file_bytes(model: nn.Module) -> int:
        save_state(model, tmp_path / "model.safetensors")
        return (tmp_path / "model.safetensors").stat().st_size

    of_channels = {channels: file_bytes(make_model(channels / 8)) for channels in (1, 3, 4)}
    for most, expected in ((of_channels[4], 4), (of_channels[4] - 1, 3), (1, 1)):
        stage = stages.small_dense_baseline(task, RECIPE, most, seed=0)
        assert stage is not None
        assert file_bytes(stage.start()) == of_channels[expected]


def test_the_untrained_stage_is_the_same_without_a_step() -> None:
    trained = stages.compressed(RECIPE, Tiny().model)
    untrained = stages.untrained(trained, "quantised")
    assert (untrained.name, steps(untrained)) == ("quantised", 0)
    assert untrained.hold is trained.hold
    assert untrained.recipe.compress == trained.recipe.compress


@pytest.mark.parametrize("method", [WeightOnly(4), Codebook()])
def test_a_finished_stage_is_read_with_its_masks_and_grids(
    task: Tiny, tmp_path: Path, method: WeightOnly | Codebook
) -> None:
    recipe = replace(RECIPE, compress=Compression(method, recovery=QUICK))
    stage = stages.compressed(recipe, task.model)
    first, again = (stages.run(stage, task, 0, tmp_path, Silent()) for _ in range(2))
    assert [path.name for path in tmp_path.iterdir()] == ["compressed.pt"]
    assert again.seconds == first.seconds
    assert again.training.masks.hash() == first.training.masks.hash()
    assert again.training.history == first.training.history
    assert set(again.training.grids.scales) == set(first.training.grids.scales)
    for name, scale in first.training.grids.scales.items():
        assert torch.equal(again.training.grids.scales[name], scale)
    for name, tensor in first.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], tensor)


@pytest.mark.filterwarnings("ignore:.*to a meta parameter")
def test_what_a_finished_stage_left_is_beside_the_network(task: Tiny, tmp_path: Path) -> None:
    recipe = replace(RECIPE, compress=Compression(WeightOnly(4), recovery=QUICK))
    stage = stages.compressed(recipe, task.model)
    stages.run(stage, task, 0, tmp_path, Silent())
    elsewhere = replace(stage, start=lambda: copy.deepcopy(task.model).to("meta"))
    training = stages.run(elsewhere, task, 0, tmp_path, Silent()).training
    tensors = [*training.masks.tensors.values(), *training.grids.scales.values()]
    assert tensors
    assert all(tensor.is_meta for tensor in tensors)
