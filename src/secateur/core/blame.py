"""Whose mistake was it? What goes wrong in the user's own code is shown with the user's own traceback."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from secateur.errors import SecateurError, TaskError

PACKAGE = Path(__file__).parents[1]
TEMPLATES = PACKAGE / "cli" / "templates"


@contextmanager
def users_code(what: str) -> Iterator[None]:
    """Turn any error inside into a TaskError that says `what` failed, and where.

    Raises:
        TaskError: with the traceback from the user's own files on; errors of secateur pass unchanged.
    """
    try:
        yield
    except SecateurError:
        raise
    except (Exception, SystemExit) as error:
        raise TaskError(f"{what} failed:\n\n{_users_traceback(error)}") from error


def _users_traceback(error: BaseException) -> str:
    """Without the frames of secateur and of Python's import machinery, which tell the user nothing."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "importlib" not in frame.filename and not _ours(Path(frame.filename))
    ]
    return "".join([*traceback.format_list(frames), *traceback.format_exception_only(error)]).rstrip()


def _ours(path: Path) -> bool:
    return path.is_relative_to(PACKAGE) and not path.is_relative_to(TEMPLATES)


def check_reached(reached: bool) -> None:
    """Refuse a loss that says nothing of the network that it was given.

    Raises:
        TaskError: no weight of it has a gradient.
    """
    if not reached:
        raise TaskError(
            "loss(model, batch) does not depend on any weight of the network that it is given: no gradient "
            "reaches it. Call this `model`, not another copy of the network that the function remembers, and "
            "compute the loss without torch.no_grad() and detach()."
        )
