"""Is this a `.sct` file, of a version that is known, and as long as it was?"""

import struct

from secateur.errors import ArtifactError

MAGIC = b"\x89SCT\r\n\x1a\n"  # not text, and changed by whatever rewrites line ends
VERSION = 2
PREFIX = struct.Struct("<8sHHIIQ32s")  # magic, version, flags, header stored, size, file, SHA-256
HASH_AT = PREFIX.size - 32


def check_prefix(prefix: bytes, size: int) -> None:
    """Refuse a foreign file, a newer version, and a file of the wrong length."""
    if prefix[: len(MAGIC)] != MAGIC[: len(prefix)] or not prefix:
        start = f"starts with {prefix[:8]!r}" if prefix else "is empty"
        raise ArtifactError(
            f"it is not a .sct file: it {start}. Expected a file that secateur wrote.{_advice(prefix)}"
        )
    if len(prefix) < PREFIX.size:
        raise ArtifactError(f"it is truncated to {size} bytes. Copy or download it again.")
    _, version, flags, *_, declared, _ = PREFIX.unpack(prefix)
    if not 1 <= version <= VERSION or flags:
        raise ArtifactError(
            f"it has format version {version} (flags {flags}), written by a newer secateur than this "
            f"one, which reads versions up to {VERSION}. Update with: pip install --upgrade secateur."
        )
    if size != declared:
        state = "truncated" if size < declared else "followed by bytes that are not its own"
        raise ArtifactError(f"it is {state}: {size:,} bytes, not {declared:,}. Copy or download it again.")


def _advice(prefix: bytes) -> str:
    """What a file of another kind is good for."""
    if prefix.startswith(b"\x08"):  # a ModelProto's ir_version, its first field
        return " An ONNX file, as this seems to be, is for secateur cut, compile, bench and emit-python."
    if prefix.startswith(b"PK"):  # as torch.save and Keras write
        return " From a network in Python, secateur.save(model, 'model.sct', example_inputs=(x,)) makes one."
    return ""
