"""How are bytes made fewer without loss?

To add a codec: write its decoder, register it in `DECODERS`, say in `MAX_RATIO` what it may unfold
to, and let `compress` try its encoder.
"""

import lzma
import zlib
from collections.abc import Callable

from secateur.artifact import adaptive, rans
from secateur.artifact.frequencies import Integers, histogram
from secateur.errors import ArtifactError

MAX_RATIO = {"raw": 1, "deflate": 1100, "lzma": 1100, "adaptive": adaptive.MAX_RATIO}
"""What a stored byte may stand for: deflate cannot reach that, and where lzma would, it is not used. A rans
stream of one symbol may stand for any number; the size of all tensors together is limited."""

# Literal context bits only dilute the statistics of short streams whose bytes are independent.
LZMA = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 20, "lc": 0, "lp": 0, "pb": 0}]
WORTH = 0.9
"""Repeats have to save a tenth: deflate and lzma are slower, and small readers do not know them."""
PLAIN = 0.99
"""Entropy coding has to save a hundredth: a raw stream needs no decoding, and can be mapped into memory."""
LOOK = 1 << 18  # deflate looks for repeats in so many bytes first; if there are none, not in the rest

Coded = tuple[str, bytes]
"""A codec and the bytes that it stores."""


def compress(data: bytes) -> Coded:
    """`data` in few bytes: entropy-coded, or where it repeats itself, by a compressor that sees it."""
    coded = entropy_coded(data)
    look = data[:LOOK]
    if len(_deflate(look)) * len(data) >= WORTH * len(coded[1]) * len(look):
        return coded
    best = min(_repeats(data), key=_size, default=coded)
    return best if _size(best) < WORTH * _size(coded) else coded


def compress_text(data: bytes) -> Coded:
    """The same for a graph, which is full of repeats: whichever of raw, deflate and lzma is smallest."""
    return min([("raw", data), *_repeats(data)], key=_size)


def entropy_coded(data: bytes) -> Coded:
    """`data` in rans or adaptive, whichever is smaller, or in raw: codecs that every reader knows."""
    counts = histogram(data)
    costs = estimates(counts)
    for codec in sorted(costs, key=lambda codec: costs[codec]):
        if costs[codec] > PLAIN * len(data):
            break
        stored = ENCODERS[codec](data)
        if len(stored) < len(data) and _believed(codec, len(stored), counts):
            return codec, stored
    return "raw", data


def estimates(counts: Integers) -> dict[str, float]:
    """About how many bytes each entropy coder takes for bytes with these counts."""
    total = int(counts.sum())
    costs = {"raw": float(total)}
    if total:
        costs["rans"] = rans.cost(counts)
    if 0 < total <= adaptive.MAX_SYMBOLS:
        costs["adaptive"] = adaptive.cost(counts)
    return {codec: cost for codec, cost in costs.items() if _believed(codec, cost, counts)}


def decompress(codec: str, stored: bytes, size: int) -> bytes:
    """The `size` bytes that `stored` stands for; ArtifactError where it stands for anything else.

    Never holds more than `size` + 1 bytes of output, whatever `stored` would expand to.
    """
    try:
        return DECODERS[codec](stored, size)
    except (zlib.error, lzma.LZMAError) as error:
        raise ArtifactError(f"its {codec} data is invalid ({error}).") from error


def deflate(data: bytes) -> bytes:
    """Raw deflate, by the strategy that suits: Huffman codes alone for what does not repeat itself."""
    return min((_deflate(data, s) for s in (zlib.Z_HUFFMAN_ONLY, zlib.Z_DEFAULT_STRATEGY)), key=len)


def _believed(codec: str, stored: float, counts: Integers) -> bool:
    """Whether a reader believes that so many bytes stand for bytes with these counts."""
    constant = codec == "rans" and counts.max() == counts.sum()
    return constant or bool(counts.sum() <= MAX_RATIO.get(codec, rans.MAX_RATIO) * stored)


def _repeats(data: bytes) -> list[Coded]:
    tried = {"deflate": deflate(data), "lzma": _lzma(data)}
    return [item for item in tried.items() if len(data) <= MAX_RATIO[item[0]] * len(item[1])]


def _size(coded: Coded) -> int:
    return len(coded[1])


def _deflate(data: bytes, strategy: int = zlib.Z_DEFAULT_STRATEGY) -> bytes:
    encoder = zlib.compressobj(wbits=-15, memLevel=9, strategy=strategy)
    return encoder.compress(data) + encoder.flush()


def _lzma(data: bytes) -> bytes:
    return lzma.compress(data, format=lzma.FORMAT_RAW, filters=LZMA)


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


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "rans": rans.encode,
    "adaptive": adaptive.encode,
}
DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "raw": _raw,
    "deflate": _inflate,
    "lzma": _unlzma,
    "rans": rans.decode,
    "adaptive": adaptive.decode,
}
