from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secateur import Codebook, Compression, Distillation, Half, Int8, OneShot, Recipe, Recovery, WeightOnly
from secateur.errors import RecipeError
from secateur.recipe.toml import dumps, read

METHODS = st.one_of(
    st.builds(Codebook, bits=st.integers(1, 8), parts=st.integers(1, 8)),
    st.builds(WeightOnly, bits=st.integers(2, 8)),
    st.builds(Half, dtype=st.sampled_from(["bfloat16", "float16"])),
    st.builds(Int8, ranges=st.sampled_from(["mse", "percentile", "minmax"]), batches=st.integers(1, 99)),
)
COMPRESSIONS = st.builds(
    Compression,
    method=METHODS,
    recovery=st.builds(
        Recovery,
        steps=st.integers(0, 99),
        learning_rate=st.floats(1e-6, 10),
        distillation=st.builds(Distillation, weight=st.floats(0, 1)),
    ),
    max_drop=st.floats(0, 1e6),
    vectors=st.sampled_from(["bfloat16", "float16", "float32"]),
    skip=st.lists(st.text(max_size=8), max_size=3).map(tuple),
)


def parsed(tmp_path: Path, text: str) -> Recipe:
    file = tmp_path / "recipe.toml"
    file.write_text(text, encoding="utf-8")
    return read(file)


@given(COMPRESSIONS)
def test_toml_and_back(tmp_path_factory: pytest.TempPathFactory, compression: Compression) -> None:
    recipe = Recipe(compress=compression)
    again = parsed(tmp_path_factory.mktemp("recipe"), dumps(recipe))
    assert again == recipe
    assert again.fingerprint == recipe.fingerprint != Recipe().fingerprint


def test_an_empty_table_asks_for_the_defaults_and_no_table_for_nothing(tmp_path: Path) -> None:
    assert parsed(tmp_path, "[compress]").compress == Compression()
    assert parsed(tmp_path, "sparsity = 0.5").compress is None


def test_every_key_of_a_table(tmp_path: Path) -> None:
    text = """
[compress]
max_drop = 0
vectors = "float16"
skip = ["head.*"]
method = {name = "int8", ranges = "minmax", batches = 2}
[compress.recovery]
steps = 7
distillation = {weight = 0.25}
"""
    assert parsed(tmp_path, text).compress == Compression(
        method=Int8(ranges="minmax", batches=2),
        recovery=Recovery(steps=7, distillation=Distillation(weight=0.25)),
        max_drop=0,
        vectors="float16",
        skip=("head.*",),
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[compres]", "Unknown key 'compres' in the recipe. Did you mean 'compress'?"),
        ("compress = true", "compress = True: expected a table, [compress]."),
        ("[compress]\nmax_dorp = 0.1", "Unknown key 'max_dorp' in compress. Did you mean 'max_drop'?"),
        ("[compress]\nbits = 4", "Unknown key 'bits' in compress."),
        (
            '[compress]\nmethod = "codebok"',
            "compress.method 'codebok' is unknown. Did you mean 'codebook'? Known: codebook, half, int8",
        ),
        (
            '[compress.method]\nname = "weights"\nparts = 2',
            "Unknown key 'parts' in compress.method 'weights'. Known: bits.",
        ),
        ('[compress.method]\nname = "codebook"\nbits = 9', "Codebook(bits=9): expected 1 to 8"),
        ('[compress.method]\nname = "codebook"\nbits = 2.5', "bits in compress.method 'codebook' is 2.5"),
        ('[compress.method]\nname = "half"\ndtype = "fp8"', "Half(dtype='fp8'): expected one of"),
        (
            "[compress.method]\nbits = 4",
            "[compress.method] does not say which method it is of. Write name = ",
        ),
        (
            '[compress]\nmethod = "codebook"\nbits = 4',
            "Unknown key 'bits' in compress. It belongs in [compress.method].",
        ),
        ("[compress]\nmax_drop = -0.1", "max_drop = -0.1: expected a finite number, 0 or more."),
        ("[compress]\nmax_drop = nan", "max_drop = nan: expected a finite number"),
        ('[compress]\nmax_drop = "1 %"', "max_drop in compress is '1 %' (str). Expected a number."),
        ('[compress]\nvectors = "int8"', "vectors = 'int8' is unknown. Known: bfloat16, float16, float32."),
        ('[compress]\nskip = "head"', "skip in compress is 'head' (str). Expected a list of texts."),
        ("[compress]\nrecovery = 3", "compress.recovery = 3: expected a table, [compress.recovery]."),
        ("[compress.recovery]\nstep = 3", "Unknown key 'step' in compress.recovery. Did you mean 'steps'?"),
    ],
)
def test_bad_tables_say_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parsed(tmp_path, text)
    assert says in str(caught.value)
    assert str(tmp_path / "recipe.toml") in str(caught.value)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"method": "codebook"},
            "method = 'codebook': expected an object, such as Codebook(bits=4, parts=1).",
        ),
        ({"method": Codebook}, "expected an object, such as Codebook(bits=4, parts=1)."),
        ({"skip": "head"}, "skip = 'head': expected a tuple of texts, such as ('head',)."),
    ],
)
def test_texts_in_place_of_objects_are_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(RecipeError) as caught:
        Compression(**options)
    assert says in str(caught.value)


def test_the_stage_after_pruning_has_the_recovery_of_its_table_and_one_round() -> None:
    compression = Compression(recovery=Recovery(steps=30, optimizer="sgd"))
    recipe = Recipe(sparsity=0.5, recovery=Recovery(steps=50), compress=compression)
    stage = recipe.for_compression()
    assert recipe.steps == 80
    assert (stage.recovery, stage.schedule) == (compression.recovery, OneShot())
    assert stage.compress == compression


def test_without_pruning_what_it_is_compared_with_is_trained_alike() -> None:
    """The dense control follows `recipe.recovery`, with the steps of all stages."""
    compression = Compression(recovery=Recovery(steps=30, optimizer="sgd", learning_rate=0.1))
    recipe = Recipe.without_pruning(compression)
    assert (recipe.sparsity, recipe.recovery.steps, recipe.steps) == (0.0, 0, 30)
    assert replace(recipe.recovery, steps=30) == compression.recovery
