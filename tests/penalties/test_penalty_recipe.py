from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from secateur import Compression, Iterative, OneShot, Recipe, Recovery
from secateur.core.protocols import Penalty
from secateur.errors import RecipeError
from secateur.patterns import Channels, Heads
from secateur.penalties import GroupLasso, Growing
from secateur.recipe.toml import dumps, read

CHANNELS = 'pattern = "channels"\n'


def parsed(tmp_path: Path, text: str) -> Recipe:
    file = tmp_path / "recipe.toml"
    file.write_text(text, encoding="utf-8")
    return read(file)


def with_penalty(penalty: Penalty | None, **options: Any) -> Recipe:
    return Recipe(**{"pattern": Channels(), "recovery": Recovery(penalty=penalty), **options})


@pytest.mark.parametrize(
    "penalty", [GroupLasso(), GroupLasso(strength=3e-5, alpha=0.0), Growing(strength=0.5)]
)
def test_toml_and_back(tmp_path: Path, penalty: Penalty) -> None:
    recipe = with_penalty(penalty)
    again = parsed(tmp_path, dumps(recipe))
    assert again == recipe
    assert again.recovery.penalty == penalty
    assert again.fingerprint == recipe.fingerprint


def test_fingerprints_name_the_penalty_and_say_nothing_of_none() -> None:
    recipes = [with_penalty(p) for p in (None, GroupLasso(), GroupLasso(alpha=0.0), Growing())]
    assert len({recipe.fingerprint for recipe in recipes}) == 4
    assert "penalty" not in recipes[0].to_dict()["recovery"]
    assert Recipe(recovery=Recovery(penalty=None)).fingerprint == "0349d8b979b8deb6"


def test_a_table_of_its_own_or_a_name_alone(tmp_path: Path) -> None:
    table = CHANNELS + '[recovery.penalty]\nname = "group_lasso"\nstrength = 1e-3'
    assert parsed(tmp_path, table).recovery.penalty == GroupLasso(strength=1e-3)
    assert parsed(tmp_path, CHANNELS + '[recovery]\npenalty = "growing"').recovery.penalty == Growing()
    assert parsed(tmp_path, CHANNELS).recovery.penalty is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('penalty = "group_laso"', "Did you mean 'group_lasso'?"),
        (
            'penalty = {name = "growing", strenght = 1.0}',
            "Unknown key 'strenght' in recovery.penalty 'growing'",
        ),
        ('penalty = {name = "growing", strength = "1"}', "Expected a number"),
        ("penalty = 1e-4", "expected a table"),
        ('penalty = {name = "growing", strength = 0.0}', "expected a finite number above 0"),
    ],
)
def test_bad_tables_say_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(RecipeError, match=says.replace("?", "\\?")):
        parsed(tmp_path, f"{CHANNELS}[recovery]\n{text}")


def test_texts_and_classes_in_place_of_objects_are_refused() -> None:
    for penalty in ("group_lasso", GroupLasso):
        with pytest.raises(RecipeError, match=r"expected an object, such as GroupLasso\("):
            Recovery(penalty=penalty)  # type: ignore[arg-type]


def test_patterns_without_whole_channels_are_refused() -> None:
    with pytest.raises(
        RecipeError, match=r"Elements\(\) removes none. Use the pattern 'channels', 'heads' or 'layers'"
    ):
        Recipe(recovery=Recovery(penalty=GroupLasso()))
    assert with_penalty(GroupLasso(), pattern=Heads()).recovery.penalty == GroupLasso()


def test_a_cut_before_the_first_step_leaves_no_time() -> None:
    with pytest.raises(RecipeError, match=r"Give it time: a schedule such as OneShot\(at=0.5\)"):
        with_penalty(Growing(), schedule=OneShot())
    none = Recovery(steps=0, penalty=Growing())  # what a network loses without recovery is asked that way
    assert with_penalty(None, schedule=OneShot(), recovery=none).steps == 0


def test_nothing_is_pulled_after_sharing() -> None:
    compress = Compression(recovery=Recovery(steps=9, penalty=Growing()))
    with pytest.raises(RecipeError, match=r"Expected it in \[recovery\], or nowhere"):
        with_penalty(None, compress=compress)
    with pytest.raises(RecipeError, match=r"Expected it in \[recovery\], or nowhere"):
        Recipe.without_pruning(compress)
    plain = replace(compress, recovery=Recovery(steps=9))
    recipe = with_penalty(Growing(), compress=plain)
    assert recipe.for_compression().recovery.penalty is None


@pytest.mark.parametrize(
    ("schedule", "step"), [(OneShot(at=0.5), 50), (OneShot(), 0), (Iterative(rounds=4), 80)]
)
def test_when_the_whole_goal_is_removed(schedule: Any, step: int) -> None:
    assert Recipe(schedule=schedule, recovery=Recovery(steps=100)).complete_at == step
