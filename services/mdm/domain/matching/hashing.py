"""64-bit hashes of words and values: the same in every process, combined by arithmetic that numpy can do in bulk."""

from functools import lru_cache
from hashlib import blake2b

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
