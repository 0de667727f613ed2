"""How are bytes made fewer without loss?

To add a codec: write its decoder, register it in `DECODERS`, and let `compress` try its encoder.
"""

import lzma
import zlib
from collections.abc import Callable

from secateur.errors import ArtifactError

MAX_RATIO = 1100
"""No stored byte stands for more (deflate cannot reach it): bounds what a small file can ask for."""

# Literal context bits only dilute the statistics of short streams whose bytes are independent.
LZMA = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 20, "lc": 0, "lp": 0, "pb": 0}]
WORTH_LZMA = 0.9  # lzma takes a hundred times longer, for nothing where deflate finds nothing


def compress(data: bytes) -> tuple[str, bytes]:
    """The codec that stores `data` in the fewest bytes, and those bytes."""
    tried = {"raw": data, "deflate": deflate(data)}
    if len(tried["deflate"]) < WORTH_LZMA * len(data):
        small = lzma.compress(data, format=lzma.FORMAT_RAW, filters=LZMA)
        if len(data) <= MAX_RATIO * len(small):
            tried["lzma"] = small
    codec = min(tried, key=lambda name: len(tried[name]))  # the simplest of equals
    return codec, tried[codec]


def decompress(codec: str, stored: bytes, size: int) -> bytes:
    """The `size` bytes that `stored` stands for; ArtifactError where it stands for anything else.

    Never holds more than `size` + 1 bytes of output, whatever `stored` would expand to.
    """
    try:
        return DECODERS[codec](stored, size)
    except (zlib.error, lzma.LZMAError) as error:
        raise ArtifactError(f"its {codec} data is invalid ({error}).") from error


def deflate(data: bytes) -> bytes:
    """Raw deflate, by the strategy that suits: Huffman codes alone for noise such as masks."""
    return min((_deflate(data, s) for s in (zlib.Z_HUFFMAN_ONLY, zlib.Z_DEFAULT_STRATEGY)), key=len)


def _deflate(data: bytes, strategy: int) -> bytes:
    encoder = zlib.compressobj(wbits=-15, memLevel=9, strategy=strategy)
    return encoder.compress(data) + encoder.flush()


def _inflate(stored: bytes, size: int) -> bytes:
    decoder = zlib.decompressobj(wbits=-15)
    data = decoder.decompress(stored, size + 1)  # room for one more: it shows that there is no more
    return _exactly(size, data, decoder.eof and not decoder.unused_data)


def _unlzma(stored: bytes, size: int) -> bytes:
    decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=LZMA)
    data = decoder.decompress(stored, size + 1)
    return _exactly(size, data, decoder.eof and not decoder.unused_data)


def _raw(stored: bytes, size: int) -> bytes:
    return _exactly(size, stored, True)


def _exactly(size: int, data: bytes, ended: bool) -> bytes:
    if len(data) != size or not ended:
        raise ArtifactError(f"its data does not end after {size:,} bytes.")
    return data


DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "raw": _raw,
    "deflate": _inflate,
    "lzma": _unlzma,
}
