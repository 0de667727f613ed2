"""What are the files and the symbols of a network called, so that several fit into one program?"""

import re
from collections.abc import Mapping

from secateur.errors import CompileError

_WORD = re.compile(r"(?<![A-Za-z0-9])(model|MODEL)(?![A-Za-z0-9])")


def check_prefix(prefix: str) -> None:
    """Refuse what no name of a file and of C functions begins with.

    Raises:
        CompileError: it is neither empty nor a word.
    """
    if prefix and not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", prefix):
        raise CompileError(
            f"prefix = {prefix!r}. Expected up to 32 small letters, digits and _, a letter first: with "
            "'keyword', files and functions are called keyword_model.h and keyword_model_run."
        )


def prefixed(text: str, prefix: str) -> str:
    """With the prefix in front of each `model`, be it a word or a part of a name."""
    if not prefix:
        return text
    return _WORD.sub(lambda w: f"{prefix}_{w[0]}" if w[0].islower() else f"{prefix.upper()}_{w[0]}", text)


def all_prefixed(files: Mapping[str, bytes], prefix: str) -> dict[str, bytes]:
    """All files of a network, by their names; kernels and bytes of weights are the same in all."""
    return {
        prefixed(path, prefix): content
        if path.startswith("kernels/") or path.endswith(".bin")
        else prefixed(content.decode(), prefix).encode()
        for path, content in files.items()
    }
