"""How much memory does a network need?"""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Sizes:
    """In bytes.

    Attributes:
        weights: constants, in flash.
        code: of the network and its kernels, in flash; None until a compiler has seen it.
        arena: working memory: the peak over all steps.
        inputs: which the caller keeps.
        outputs: likewise.
    """

    weights: int
    arena: int
    inputs: int
    outputs: int
    code: int | None = None

    @property
    def flash(self) -> int:
        """All that does not change; without the code where that is not known."""
        return self.weights + (self.code or 0)

    @property
    def ram(self) -> int:
        """All that changes, without the stack."""
        return self.arena + self.inputs + self.outputs

    def to_json(self) -> bytes:
        """`sizes.json`."""
        facts = {"flash_bytes": self.flash, "ram_bytes": self.ram, **asdict(self)}
        return (json.dumps(facts, indent=2) + "\n").encode()
