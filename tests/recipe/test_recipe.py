from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secateur import (
    Blocks,
    Distillation,
    ErdosRenyi,
    GlobalRank,
    Gradual,
    Iterative,
    Magnitude,
    NofM,
    OneShot,
    Random,
    Recipe,
    Recovery,
    Taylor,
    Wanda,
)
from secateur.cli.init import TEMPLATES
from secateur.errors import RecipeError
from secateur.recipe.toml import dumps, read


def parsed(tmp_path: Path, text: str) -> Recipe:
    file = tmp_path / "recipe.toml"
    file.write_text(text, encoding="utf-8")
    return read(file)


RECIPES = st.builds(
    Recipe,
    sparsity=st.floats(0, 0.999),
    criterion=st.sampled_from([Magnitude(p=2), Random(seed=3), Taylor(), Wanda()]),
    pattern=st.sampled_from([Blocks(rows=2, columns=8), Blocks()]),
    allocation=st.sampled_from([ErdosRenyi(), GlobalRank()]),
    schedule=st.sampled_from([OneShot(), Gradual(every=3), Iterative(rounds=3)]),
    measure=st.sampled_from(["weights", "parameters"]),
    skip=st.lists(st.text(max_size=8), max_size=3).map(tuple),
    floor=st.floats(0, 0.5),
    recovery=st.builds(
        Recovery,
        steps=st.integers(10, 99),
        learning_rate=st.floats(1e-6, 10),
        distillation=st.builds(Distillation, weight=st.floats(0, 1)),
    ),
)


@given(RECIPES)
def test_toml_and_back(tmp_path_factory: pytest.TempPathFactory, recipe: Recipe) -> None:
    again = parsed(tmp_path_factory.mktemp("recipe"), dumps(recipe))
    assert again == recipe
    assert again.fingerprint == recipe.fingerprint


def test_fingerprint_is_pinned() -> None:
    """A run is resumed by it: a change of meaning must be a deliberate one."""
    assert Recipe().fingerprint == "0349d8b979b8deb6"
    assert Recipe(sparsity=0.8).fingerprint != Recipe().fingerprint


def test_the_template_is_a_recipe() -> None:
    assert read(TEMPLATES / "recipe.toml").sparsity == 0.9


def test_names_alone_take_the_defaults(tmp_path: Path) -> None:
    recipe = parsed(tmp_path, 'sparsity = 0.5\npattern = "n_of_m"\ncriterion = "wanda"')
    assert (recipe.pattern, recipe.criterion) == (NofM(2, 4), Wanda())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sparsty = 0.9", "Unknown key 'sparsty' in the recipe. Did you mean 'sparsity'?"),
        ("[recovery]\nlearning_rat = 1.0", "Did you mean 'learning_rate'?"),
        ("[schedule]\nbegin = 0.2", 'does not say which schedule it is of. Write name = "gradual"'),
        ("begin = 0.2", "Unknown key 'begin' in the recipe. It belongs in .schedule.."),
        ('[criterion]\nname = "magnitud"', "criterion 'magnitud' is unknown. Did you mean 'magnitude'?"),
        ('[criterion]\nname = "magnitude"\nq = 1', "Unknown key 'q' in criterion 'magnitude'"),
        ("sparsity = 1.0", "expected 0 up to, not including, 1"),
        ("sparsity = -0.1", "expected 0 up to, not including, 1"),
        ('sparsity = "0.9"', "Expected a number"),
        ("sparsity = true", "Expected a number"),
        ("skip = [1]", "Expected a list of texts"),
        ("criterion = 3", "expected a table"),
        ("recovery = 3", "expected a table"),
        ("[recovery]\nsteps = 10.5", "Expected a whole number"),
        ("[recovery]\nsteps = -1", "expected at least 0"),
        ('[recovery]\noptimizer = "adamm"', "Did you mean 'adam'?"),
        ('measure = "macs"', "Known: 'weights', 'parameters'"),
        ('sparsity = 0.9\npattern = "n_of_m"', "removes exactly 50 %.*Set sparsity = 0.5"),
        ('[recovery]\nsteps = 3\n[schedule]\nname = "iterative"\nrounds = 5', "Give more steps"),
        ("sparsity = ", "not valid TOML"),
        ("[recovery.distillation]\nweight = 1.5", "expected 0 \\(off\\) to 1"),
    ],
)
def test_bad_recipes_say_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(RecipeError, match=says.replace("?", "\\?").replace("(0", "\\(0")):
        parsed(tmp_path, text)


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be read"):
        read(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    "options",
    [
        {"learning_rate": 0.0},
        {"momentum": 1.0},
        {"weight_decay": -1.0},
        {"evaluate_every": 0},
        {"checkpoint_every": 0},
        {"batchnorm_batches": -1},
        {"refit_batches": -1},
        {"decay": "linear"},
    ],
)
def test_impossible_recovery_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match=next(iter(options))):
        Recovery(**options)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"criterion": "taylor"}, "expected an object, such as Magnitude"),
        ({"pattern": Blocks}, "expected an object, such as Elements"),
        ({"skip": "head.weight"}, "expected a tuple of texts, such as \\('head.weight',\\)"),
        ({"sparsity": "0.9"}, "expected a number"),
    ],
)
def test_texts_in_place_of_objects_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        Recipe(**options)


def test_one_of_three_can_be_said_in_toml_as_the_message_says_it(tmp_path: Path) -> None:
    pattern = '[pattern]\nname = "n_of_m"\nkeep = 1\nof = 3'
    with pytest.raises(RecipeError, match="Set sparsity = 0.666667"):
        parsed(tmp_path, pattern)
    assert parsed(tmp_path, f"sparsity = 0.666667\n{pattern}").pattern == NofM(1, 3)
