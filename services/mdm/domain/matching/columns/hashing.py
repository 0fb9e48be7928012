"""64-bit hashes of words and values: the same in every process, combined by arithmetic that numpy can do in bulk."""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

_WHOLE = 2**64
_HALF = 2**63
_MIX = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)


@lru_cache(maxsize=1 << 18)
def hashed(text: str) -> int:
    """Return the hash of a text, 0 <= hash < 2**64."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def hashed_in_bulk(texts: Iterable[str]) -> npt.NDArray[np.int64]:
    """Return the hashes of texts as the signed numbers of the same bits; none is remembered."""
    digests = b"".join([blake2b(text.encode(), digest_size=8).digest() for text in texts])
    return np.frombuffer(digests, dtype="<i8").astype(np.int64)


def combined(seed: int, one: int, other: int = 0) -> int:
    """Return a signed 64-bit hash of a seed and one or two hashes; their order counts."""
    mixed = (seed ^ ((one * _MIX[0]) % _WHOLE) ^ ((other * _MIX[1] + 1) % _WHOLE)) * _MIX[1] % _WHOLE
    mixed ^= mixed >> 29
    mixed = mixed * _MIX[0] % _WHOLE
    mixed ^= mixed >> 32
    return mixed - _WHOLE if mixed >= _HALF else mixed


def combined_in_bulk(seed: int, ones: npt.NDArray[np.int64], others: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return what `combined` does of many hashes, given as the signed numbers of the same bits."""
    first, second = map(np.uint64, _MIX)
    mixed = ones.view(np.uint64) * first
    mixed ^= np.uint64(seed)
    mixed ^= others.view(np.uint64) * second + np.uint64(1)
    mixed *= second
    mixed ^= mixed >> np.uint64(29)
    mixed *= first
    mixed ^= mixed >> np.uint64(32)
    return mixed.view(np.int64)
