"""How records name each other: by a key within a scope, such as a code within an entity."""

from collections.abc import Iterable
from typing import Any

from services.mdm.domain.violation import Violation


def qualified(scope: str, key: str) -> tuple[str, ...]:
    """Return a key with its scope, as strong identifiers and references spell it; nothing when one is missing.

    Case and blanks around it tell no keys apart.
    """
    bare = key.strip().casefold()
    return (f"{scope}|{bare}",) if scope and bare else ()


def own_parents(slices: Iterable[Any], scope: str, key: str, what: str) -> Iterable[Violation]:
    """Give the parents in slices that are the record itself."""
    for number, piece in enumerate(slices):
        for parent in piece.parents:
            own_scope = parent.parent_scope in {"", scope}
            if own_scope and key and parent.parent_code.strip().casefold() == key.strip().casefold():
                yield Violation(f"slices[{number}].parents[{parent.hierarchy}]", f"is {what} itself")
