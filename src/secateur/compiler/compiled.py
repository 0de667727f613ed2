"""How is a compiled network called from Python?"""

import ctypes
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.compiler.emit import Sources
from secateur.compiler.memory import ALIGNMENT
from secateur.compiler.program import Tensor
from secateur.errors import CompileError


class CompiledModel:
    """A network as native code.

    Called with NumPy arrays or torch tensors in the order of its inputs; those that lie in memory as the
    network reads them are not copied, others are: in another order, at an odd address, on a device. Calls
    from several threads wait for one another: they share the working memory.

    Attributes:
        library: the file that was built.
        sources: the C files that it was built from, and their sizes.
    """

    def __init__(self, library: Path, sources: Sources) -> None:
        self.library = library
        self.sources = sources
        self._run = getattr(ctypes.CDLL(str(library)), f"{sources.name}_run")
        self._run.argtypes = [ctypes.c_void_p] * 3
        self._run.restype = None
        room = np.zeros(sources.sizes.arena + ALIGNMENT, np.uint8)  # 0: what is read beyond an end is no NaN
        self._arena = room[-room.ctypes.data % ALIGNMENT :]
        self._arena_at = self._arena.ctypes.data
        self._ins = (ctypes.c_void_p * max(1, len(sources.inputs)))()
        self._outs = (ctypes.c_void_p * max(1, len(sources.outputs)))()
        self._lock = threading.Lock()

    def __deepcopy__(self, _: object) -> "CompiledModel":
        """The same code with working memory of its own: calls of the two need not wait for one another."""
        return CompiledModel(self.library, self.sources)

    def __reduce__(self) -> str:
        """Refuse to be pickled.

        Raises:
            TypeError: always.
        """
        raise TypeError(
            "A compiled network is code for this machine's processor, and is not pickled. Hand on the .sct "
            "or .onnx file, and call secateur.compile(file) there: what was built is in the cache."
        )

    def __call__(self, *inputs: Any) -> Any:
        """The output; a tuple where there are several. NumPy arrays, or torch tensors where all inputs are.

        Raises:
            CompileError: an input has another shape or type, or there are more or fewer.
        """
        wanted = self.sources.inputs
        if len(inputs) != len(wanted):
            raise CompileError(
                f"The network takes {len(wanted)} input{'s' * (len(wanted) != 1)}, got {len(inputs)}."
            )
        arrays = [_array(x, tensor) for x, tensor in zip(inputs, wanted, strict=True)]
        outputs = [np.empty(tensor.shape, tensor.dtype) for tensor in self.sources.outputs]
        with self._lock:
            for index, array in enumerate(arrays):
                self._ins[index] = _address(array)
            for index, array in enumerate(outputs):
                self._outs[index] = _address(array)
            self._run(self._ins, self._outs, self._arena_at)
        if inputs and all(hasattr(x, "detach") for x in inputs):
            import torch

            answers: list[Any] = [torch.from_numpy(y) for y in outputs]
        else:
            answers = list(outputs)
        return answers[0] if len(answers) == 1 else tuple(answers)


def _array(given: Any, tensor: Tensor) -> NDArray[Any]:
    array = given if type(given) is np.ndarray else _from(given, tensor)
    if array.shape != tensor.shape or array.dtype != tensor.dtype:
        native = array.dtype.isnative
        raise CompileError(
            f"The input {tensor.name!r} is {array.dtype.name if native else array.dtype.str} {array.shape}. "
            f"Expected {tensor.dtype.name} {tensor.shape}: shapes are fixed when the network is compiled."
        )
    flags = array.flags
    return array if flags.c_contiguous and flags.aligned else np.array(array, order="C")


def _from(given: Any, tensor: Tensor) -> NDArray[Any]:
    try:
        return np.asarray(given.detach().cpu().numpy() if hasattr(given, "detach") else given)
    except Exception as error:  # whatever the library that it comes from raises
        kind = getattr(given, "dtype", type(given).__name__)
        raise CompileError(
            f"The input {tensor.name!r} is of {kind} and cannot be read as an array: {error}. Expected a "
            f"NumPy array or a torch tensor of {tensor.dtype.name} {tensor.shape}."
        ) from error


def _address(array: NDArray[Any]) -> int:
    """As `array.ctypes.data` answers it, in half a microsecond less."""
    address: int = array.__array_interface__["data"][0]
    return address
