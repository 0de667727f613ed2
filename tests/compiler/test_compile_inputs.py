"""What does a compiled network do with what it is called with: read it in place, copy it, or refuse it?"""

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import secateur
from secateur.compiler import CompiledModel
from secateur.errors import CompileError


@pytest.fixture(scope="module")
def network() -> tuple[CompiledModel, nn.Module]:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 5), nn.Tanh())
    return secateur.compile(net, example_inputs=(torch.zeros(4, 6),)), net


def addresses(compiled: CompiledModel, x: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Where the library read its input and wrote its output, in one call."""
    seen: list[int] = []
    monkeypatch.setattr(compiled, "_run", lambda ins, outs, _: seen.extend((ins[0], outs[0])))
    answer = compiled(x)
    assert seen[1] == (answer.data_ptr() if isinstance(answer, Tensor) else answer.ctypes.data)
    return seen


def test_neither_arrays_nor_tensors_are_copied(
    network: tuple[CompiledModel, nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    x = torch.randn(4, 6)
    assert addresses(network[0], x, monkeypatch)[0] == x.data_ptr()
    assert addresses(network[0], x.clone().requires_grad_(), monkeypatch)[0] != x.data_ptr()
    leaf = x.clone().requires_grad_()
    assert addresses(network[0], leaf, monkeypatch)[0] == leaf.data_ptr()
    rows = torch.randn(9, 6)[3:7]  # within a larger one
    assert addresses(network[0], rows, monkeypatch)[0] == rows.data_ptr()
    array = x.numpy().copy()
    array.flags.writeable = False
    assert addresses(network[0], array, monkeypatch)[0] == array.ctypes.data


class OnDevice:
    """A tensor that is not in the processor's memory."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def detach(self) -> "OnDevice":
        return self

    def cpu(self) -> Tensor:
        return self.tensor


def _odd_address(x: Tensor) -> Any:
    room = np.zeros(x.numel() * 4 + 1, np.uint8)
    array = room[1:].view(np.float32).reshape(x.shape)
    array[...] = x.numpy()
    assert not array.flags.aligned
    return array


ODD = {
    "columns first": lambda x: x.t().contiguous().t(),
    "every other element": lambda x: x.repeat_interleave(2, 1)[:, ::2],
    "rows backwards": lambda x: x.flip(0).numpy()[::-1],
    "one row for all": lambda x: x[:1].expand(4, 6),
    "needs a gradient": lambda x: x.clone().requires_grad_(),
    "part of a computation": lambda x: x.clone().requires_grad_() * 2,
    "a parameter": lambda x: nn.Parameter(x),
    "an odd address": _odd_address,
    "a subclass of an array": lambda x: x.numpy().view(np.recarray),
    "rows of float32": lambda x: list(x.numpy()),
    "elsewhere": OnDevice,
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_inputs_are_answered(kind: str, network: tuple[CompiledModel, nn.Module]) -> None:
    compiled, net = network
    given = ODD[kind](torch.randn(4, 6))
    plain = given.tensor if isinstance(given, OnDevice) else given
    plain = plain.detach() if isinstance(plain, Tensor) else torch.from_numpy(np.array(plain))
    with torch.no_grad():
        expected = net(plain)
    answer = compiled(given)
    assert isinstance(answer, Tensor) == hasattr(given, "detach")
    np.testing.assert_allclose(np.asarray(answer), expected, atol=1e-6)


WRONG = {
    "float64": (torch.zeros(4, 6, dtype=torch.float64), r"is float64 \(4, 6\). Expected float32 \(4, 6\)"),
    "whole numbers": (np.zeros((4, 6), np.int64), "is int64"),
    "half": (torch.zeros(4, 6).half(), "is float16"),
    "bfloat16": (torch.zeros(4, 6).bfloat16(), "is of torch.bfloat16 and cannot be read"),
    "other bytes first": (np.zeros((4, 6), ">f4"), "is >f4"),
    "numbers of Python": ([[0.0] * 6] * 4, "is float64"),
    "another batch": (torch.zeros(3, 6), r"\(3, 6\). Expected float32 \(4, 6\)"),
    "an axis less": (np.zeros(24, np.float32), r"\(24,\)"),
    "uneven rows": ([[0.0], [0.0, 1.0]], "cannot be read"),
    "without memory": (torch.zeros(4, 6, device="meta"), "cannot be read"),
    "sparse": (torch.eye(4, 6).to_sparse(), "cannot be read"),
    "nothing": (None, "is object"),
    "text": ("x", r"is str\d+"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_inputs_are_one_clear_error(kind: str, network: tuple[CompiledModel, nn.Module]) -> None:
    given, message = WRONG[kind]
    with pytest.raises(CompileError, match=message):
        network[0](given)


def test_as_many_inputs_as_the_network_has(network: tuple[CompiledModel, nn.Module]) -> None:
    with pytest.raises(CompileError, match="takes 1 input, got 2"):
        network[0](torch.zeros(4, 6), torch.zeros(4, 6))


def test_a_copy_has_memory_of_its_own_and_a_pickle_is_refused(
    network: tuple[CompiledModel, nn.Module],
) -> None:
    x = torch.randn(4, 6)
    other = copy.deepcopy(network[0])
    assert not np.shares_memory(other._arena, network[0]._arena)
    torch.testing.assert_close(other(x), network[0](x), rtol=0, atol=0)
    with pytest.raises(TypeError, match=r"Hand on the \.sct or \.onnx file"):
        pickle.dumps(other)
