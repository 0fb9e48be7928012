"""Cursors: a place in one database's feed, opaque to everybody else."""

import hashlib
import struct
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError, FieldViolation

_FORM = struct.Struct(">B16sQ")
_FORM_1 = 1
_CHECK_BYTES = 4


@dataclass(frozen=True)
class Cursor:
    """Everything up to `position` has been seen, in the feed of `database`."""

    database: UUID
    position: int

    def encode(self) -> bytes:
        """Return the opaque form."""
        form = _FORM.pack(_FORM_1, self.database.bytes, self.position)
        return form + _check(form)

    @classmethod
    def decode(cls, opaque: bytes) -> Self:
        """Read the opaque form. Raises ConcordError INVALID_CURSOR."""
        form, check = opaque[: _FORM.size], opaque[_FORM.size :]
        if len(form) != _FORM.size or check != _check(form) or form[0] != _FORM_1:
            violation = FieldViolation("cursor", "is none that the feed gave")
            raise ConcordError(
                reasons.ERROR_REASON_INVALID_CURSOR, "the cursor is not one of ours", violations=[violation]
            )
        _, database, position = _FORM.unpack(form)
        return cls(UUID(bytes=database), position)


def _check(form: bytes) -> bytes:
    # Against truncation and mix-ups, not against forgery: a cursor opens nothing that its bearer may not read.
    return hashlib.sha256(form).digest()[:_CHECK_BYTES]
