"""A pair of source records that a steward decided on: it has one name, and so one decision at a time."""

from collections.abc import Iterable
from itertools import product
from typing import NamedTuple
from uuid import UUID, uuid5

_NAMESPACE = UUID("5b0c0a4e-5d5c-5a0f-9a53-7d0f6a0d9a11")
"""Of our own making, as RFC 9562 (version 5) wants one."""


class Pair(NamedTuple):
    """Two source records in the order of their names."""

    low: str
    high: str

    @property
    def decision(self) -> str:
        """The name of the decision on the pair."""
        return f"matchDecisions/{uuid5(_NAMESPACE, f'{self.low} {self.high}')}"


def pair(one: str, other: str) -> Pair:
    """Return the pair of two different source records, whichever is named first."""
    return Pair(*sorted((one, other)))


def across(ones: Iterable[str], others: Iterable[str]) -> list[Pair]:
    """Return every pair of one of each side."""
    return sorted(pair(one, other) for one, other in product(ones, others))
