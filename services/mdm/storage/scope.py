"""Scope: what of the hub a caller's entities let them reach."""

from collections.abc import Sequence


def in_scope(entities: Sequence[str], scope: frozenset[str] | None) -> bool:
    """Tell whether something that applies to `entities` is within a caller's scope (None = everything)."""
    return scope is None or not scope.isdisjoint(entities)
