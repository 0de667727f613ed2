"""What can go wrong, as one tree.

    SecateurError
    ├── RecipeError        a recipe that says something impossible or unknown
    │   └── GoalError      a sparsity that this network cannot reach with this recipe
    ├── TaskError          a task that cannot be imported, lacks a method, or answers nonsense
    ├── NumericalError     NaN or infinity in weights, scores or loss
    ├── OutputError        a folder or file that cannot be written or is not ours
    ├── ResumeError        a run that cannot go on from where it stopped
    ├── ArtifactError      a `.sct` file that is truncated, altered, foreign or too new
    ├── ExportError        a network that cannot be turned into an ONNX graph, or differs from it
    ├── CouplingError      a graph whose channels cannot be followed
    ├── SurgeryError       a cut that the network's code does not follow; it was rolled back
    ├── CompileError       a network or target that cannot be compiled to C
    └── Interrupted        the user stopped the run; a checkpoint was left

Every message says what happened with its values, what was expected, and how to mend it. The command
line prints the message without a traceback and ends with exit code 2 (130 for `Interrupted`).
"""

from collections.abc import Iterable
from difflib import get_close_matches


class SecateurError(Exception):
    """Anything that secateur refuses to do, with the reason."""


class RecipeError(SecateurError, ValueError):
    """A recipe that says something impossible or unknown."""


class GoalError(RecipeError):
    """A sparsity that this network cannot reach with this recipe."""


class TaskError(SecateurError):
    """A task that cannot be imported, lacks a method, or answers nonsense."""


class NumericalError(SecateurError, ArithmeticError):
    """NaN or infinity in weights, scores or loss."""


class OutputError(SecateurError, OSError):
    """A folder or file that cannot be written or is not ours."""


class ResumeError(SecateurError):
    """A run that cannot go on from where it stopped."""


class ArtifactError(SecateurError, ValueError):
    """A `.sct` file that is truncated, altered, foreign or too new."""


class ExportError(SecateurError):
    """A network that cannot be turned into an ONNX graph, or differs from it."""


class CouplingError(SecateurError):
    """A graph whose channels cannot be followed."""


class SurgeryError(SecateurError):
    """A cut that the network's code does not follow; it was rolled back."""


class CompileError(SecateurError):
    """A network or target that cannot be compiled to C."""


class Interrupted(SecateurError):  # noqa: N818 - the user's wish, not an error
    """The user stopped the run; a checkpoint was left."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` Did you mean 'sparsity'?`, or nothing where no known word is close."""
    close = get_close_matches(word, list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
