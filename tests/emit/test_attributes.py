import numpy as np
import pytest
from torch import nn

from secateur.emit.attributes import Attributes, Weight
from secateur.emit.expressions import Held, call
from secateur.errors import ExportError

LINEAR = call("nn.Linear", 2, 2)


def weight(name: str | None, number: float = 0) -> dict[str, Weight]:
    return {"weight": Weight(np.full((2, 2), number, np.float32), name)}


def held(**tensors: object) -> Attributes:
    return Attributes({name.replace("_dot_", "."): np.asarray(array) for name, array in tensors.items()})


def test_containers_fit_the_names() -> None:
    attributes = held()
    for path in ("a", "b.c", "l.0.x", "l.1.x", "s.0", "s.2", "d.x-1"):
        assert attributes.layer(tuple(path.split(".")), LINEAR, weight(f"{path}.weight"))
    assert [line.strip() for line in attributes.lines()] == [
        "self.a = nn.Linear(2, 2)",
        "self.b = nn.Module()",
        "self.b.c = nn.Linear(2, 2)",
        "self.l = nn.ModuleList(nn.Module() for _ in range(2))",
        "self.l[0].x = nn.Linear(2, 2)",
        "self.l[1].x = nn.Linear(2, 2)",
        "self.s = nn.ModuleDict()",
        'self.s["0"] = nn.Linear(2, 2)',
        'self.s["2"] = nn.Linear(2, 2)',
        "self.d = nn.ModuleDict()",
        'self.d["x-1"] = nn.Linear(2, 2)',
    ]
    assert attributes.words(("l", "1", "x")) == "self.l[1].x"
    assert attributes.words(("l", "1", "x"), block=("l", "1")) == "block.x"


def test_the_statements_make_the_state_dict_that_is_promised() -> None:
    attributes = held(a_dot_0_dot_gamma=np.ones(3, np.float32), table=np.zeros(2, np.int64))
    attributes.layer(("a", "0", "b"), LINEAR, weight("a.0.b.weight"))
    for name in ("a.0.gamma", "table"):
        attributes.path_of(Held(name))
    network = nn.Module()
    exec(
        "\n".join(line.strip() for line in attributes.lines()),
        {"self": network, "nn": nn, "torch": __import__("torch")},
    )
    assert {*network.state_dict()} == {*attributes.state(), "a.0.b.bias"}
    assert [name for name, _ in network.named_buffers()] == ["table"]


def test_one_place_is_one_layer() -> None:
    attributes = held()
    assert attributes.layer(("a",), LINEAR, weight("a.weight"))
    assert attributes.layer(("a",), LINEAR, weight("a.weight"))  # the same layer, called twice
    assert attributes.layer(("a",), call("nn.Linear", 2, 3), weight("a.weight")) is None
    assert attributes.layer(("a",), LINEAR, weight("other")) is None
    assert attributes.new_layer(("a",), LINEAR, weight("other")) == ("a_2",)
    assert attributes.new_layer(("a",), LINEAR, weight("more")) == ("a_3",)


def test_layers_of_computed_weights_are_the_same_where_the_numbers_are() -> None:
    attributes = held()
    assert attributes.new_layer(("a",), LINEAR, weight(None, 1)) == ("a",)
    assert attributes.new_layer(("a",), LINEAR, weight(None, 1)) == ("a",)
    assert attributes.new_layer(("a",), LINEAR, weight(None, 2)) == ("a_2",)


def test_a_tensor_that_a_layer_has_is_not_another_one() -> None:
    attributes = held(a_dot_weight=np.zeros((2, 2), np.float32))
    attributes.layer(("a",), LINEAR, weight("a.weight"))
    assert attributes.path_of(Held("a.weight")) == ("a", "weight")
    assert len(attributes.lines()) == 1


def test_types_that_torch_does_not_share_with_numpy_are_refused() -> None:
    attributes = held(a=np.zeros(2, np.complex64))
    with pytest.raises(ExportError, match=r"'a' has the type complex64.*float32"):
        attributes.path_of(Held("a"))
