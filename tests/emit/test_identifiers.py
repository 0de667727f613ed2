import ast
import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from secateur.emit.identifiers import after_dot, attribute, computed, path, tensor_path, word

HOSTILE = [
    'x"); import os; ("',
    "a\nb",
    "__class__",
    "class",
    "",
    "é",
    "x" * 1000,
    "ﬁ",
    "0",
    "self",
    "forward",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_become_plain_identifiers(name: str) -> None:
    for made in (word(name), attribute(name)):
        assert made.isidentifier()
        assert made.isascii()
        assert not keyword.iskeyword(made)
        assert not made.startswith("__")


@given(st.text())
def test_all_names_do(name: str) -> None:
    test_hostile_names_become_plain_identifiers(name)


@given(st.text(alphabet='ab01.-_"\n[]class', max_size=40))
def test_what_leads_to_a_tensor_is_a_name_or_a_key_without_quotes(name: str) -> None:
    *way, last = tensor_path(name)
    for part in way:
        assert after_dot(part) or ast.literal_eval(f'"{part}"') == part
    assert after_dot(last)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("layer1.0.conv1", ("layer1", "0", "conv1")),
        ("0.weight", ("layer0", "weight")),
        ("encoder.layer.3.attention.self.query", ("encoder", "layer", "3", "attention", "self", "query")),
        ("trunk.block1-0.f", ("trunk", "block1-0", "f")),
        ("a.values", ("a", "values_")),  # a method of PyTorch's containers
        ("a.class", ("a", "class")),  # between brackets
        ("lambda.weight", ("lambda_", "weight")),
        (".".join("abcdefghijklmn"), ("a_b_c_d_e_f_g_h_i_j_k_l_m_n",)),
    ],
)
def test_names_of_pytorch_stay_where_python_allows_it(name: str, wanted: tuple[str, ...]) -> None:
    assert path(name) == wanted


def test_no_attribute_hides_what_a_module_has() -> None:
    for name in ("forward", "training", "_modules", "to", "float", "values", "parameters"):
        assert not hasattr(nn.ModuleDict(), attribute(name))


@pytest.mark.parametrize(
    "name", ["val_12", "onnx::Conv_3", "/relu/Constant", "unsqueeze_1", "a.lifted_tensor_0", "12"]
)
def test_names_that_exporters_give(name: str) -> None:
    assert computed(name)


@pytest.mark.parametrize(
    "name", ["weight", "cls_token", "layer1.0.conv1.weight", "logit_scale", "w", "a.add"]
)
def test_names_that_people_give(name: str) -> None:
    assert not computed(name)
