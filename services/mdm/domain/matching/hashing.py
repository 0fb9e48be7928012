"""64-bit hashes of words and values: the same in every process, combined by arithmetic that numpy can do in bulk."""

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


def combined(seed: int, one: int, other: int = 0) -> int:
    """Return a signed 64-bit hash of a seed and one or two hashes; their order counts."""
    mixed = (seed ^ ((one * _MIX[0]) % _WHOLE) ^ ((other * _MIX[1] + 1) % _WHOLE)) * _MIX[1] % _WHOLE
    mixed ^= mixed >> 29
    mixed = mixed * _MIX[0] % _WHOLE
    mixed ^= mixed >> 32
    return mixed - _WHOLE if mixed >= _HALF else mixed


def combined_in_bulk(
    seeds: npt.NDArray[np.uint64], ones: npt.NDArray[np.uint64], others: npt.NDArray[np.uint64]
) -> npt.NDArray[np.int64]:
    """Return what `combined` does, for many at once."""
    first, second = map(np.uint64, _MIX)
    mixed = (seeds ^ (ones * first) ^ (others * second + np.uint64(1))) * second
    mixed ^= mixed >> np.uint64(29)
    mixed *= first
    mixed ^= mixed >> np.uint64(32)
    signed: npt.NDArray[np.int64] = mixed.view(np.int64)
    return signed
