"""Merkle trees word for word as RFC 9162 defines them, slow and obvious: what faster code is compared with."""

import hashlib
from collections.abc import Sequence


def root(leaves: Sequence[bytes]) -> bytes:
    """Return MTH(D_n) over leaf hashes (section 2.1.1)."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = _split(len(leaves))
    return hashlib.sha256(b"\x01" + root(leaves[:split]) + root(leaves[split:])).digest()


def inclusion_path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Return PATH(m, D_n) (section 2.1.3.1)."""
    if len(leaves) == 1:
        return []
    split = _split(len(leaves))
    if index < split:
        return [*inclusion_path(index, leaves[:split]), root(leaves[split:])]
    return [*inclusion_path(index - split, leaves[split:]), root(leaves[:split])]


def consistency_path(size: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Return PROOF(m, D_n) (section 2.1.4.1)."""
    return _subproof(size, leaves, is_known=True)


def _subproof(size: int, leaves: Sequence[bytes], *, is_known: bool) -> list[bytes]:
    if size == len(leaves):
        return [] if is_known else [root(leaves)]
    split = _split(len(leaves))
    if size <= split:
        return [*_subproof(size, leaves[:split], is_known=is_known), root(leaves[split:])]
    return [*_subproof(size - split, leaves[split:], is_known=False), root(leaves[:split])]


def _split(size: int) -> int:
    return 1 << (size - 1).bit_length() - 1
