"""Proofs as RFC 9162, 2.1.3.1 and 2.1.4.1 define them, word for word: what verifies them must not depend on a log."""

from collections.abc import Sequence

from tests.support.merkle.naive_tree import naive_root


def inclusion_path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Return PATH(m, D_n) over leaf hashes."""
    if len(leaves) == 1:
        return []
    split = _split(len(leaves))
    if index < split:
        return [*inclusion_path(index, leaves[:split]), naive_root(leaves[split:])]
    return [*inclusion_path(index - split, leaves[split:]), naive_root(leaves[:split])]


def consistency_path(size: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Return PROOF(m, D_n) over leaf hashes."""
    return _subproof(size, leaves, is_known=True)


def _subproof(size: int, leaves: Sequence[bytes], *, is_known: bool) -> list[bytes]:
    if size == len(leaves):
        return [] if is_known else [naive_root(leaves)]
    split = _split(len(leaves))
    if size <= split:
        return [*_subproof(size, leaves[:split], is_known=is_known), naive_root(leaves[split:])]
    return [*_subproof(size - split, leaves[split:], is_known=False), naive_root(leaves[:split])]


def _split(size: int) -> int:
    return 1 << (size - 1).bit_length() - 1
