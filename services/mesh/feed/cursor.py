"""Cursors: a place in one database's feed, opaque to everybody else."""

from dataclasses import dataclass
from typing import Self
from uuid import UUID


@dataclass(frozen=True, order=True)
class Cursor:
    """Everything up to `position` has been seen, in the feed of `database`."""

    database: UUID
    position: int

    def encode(self) -> bytes:
        """Return the opaque form."""
        raise NotImplementedError

    @classmethod
    def decode(cls, opaque: bytes) -> Self:
        """Read the opaque form. Raises ConcordError INVALID_CURSOR."""
        raise NotImplementedError
