"""Where reading a SCIM service stands: a text that is kept between the batches and between the processes.

It also remembers which documents were read: the service tells of no deletion, so that what is there no more is only
known by what was there before.
"""

import base64
import binascii
import json
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Cursor:
    """A place between two batches of a round, or between two rounds (`began` is None)."""

    since: datetime | None = None
    """Resources that changed from then on are read; None = all."""
    began: datetime | None = None
    """When the round began, by the service's clock."""
    full: bool = False
    """Whether the round looks for deletions, too."""
    endpoint: str = ""
    """The endpoint that is being read."""
    after: str = ""
    """The resources of that endpoint up to this id are read."""
    known: frozenset[str] = frozenset()
    """The keys of the documents that were read in earlier rounds."""
    seen: frozenset[str] = frozenset()
    """The keys of those that were read in this round."""
    employees: bool = True
    """Whether users were read as employees: they were not by the connector's first releases."""

    def encode(self) -> str:
        """Return the text."""
        told = {
            "since": self.since.isoformat() if self.since else None,
            "began": self.began.isoformat() if self.began else None,
            "full": self.full,
            "endpoint": self.endpoint,
            "after": self.after,
            "known": _packed(self.known),
            "seen": _packed(self.seen),
            "employees": self.employees,
        }
        return json.dumps(told, separators=(",", ":"))

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Read a text; empty = nothing was read yet. Raises ValueError when it is no cursor of ours."""
        if not text:
            return cls()
        try:
            told = json.loads(text)
            return cls(
                since=datetime.fromisoformat(told["since"]) if told["since"] else None,
                began=datetime.fromisoformat(told["began"]) if told["began"] else None,
                full=told["full"],
                endpoint=told["endpoint"],
                after=told["after"],
                known=_unpacked(told["known"]),
                seen=_unpacked(told["seen"]),
                employees=told.get("employees", False),
            )
        except (KeyError, TypeError, zlib.error, binascii.Error) as error:
            raise ValueError("not a cursor of the SCIM connector") from error


def _packed(keys: Collection[str]) -> str:
    listed = json.dumps(sorted(keys), separators=(",", ":"))
    return base64.b64encode(zlib.compress(listed.encode())).decode() if keys else ""


def _unpacked(text: str) -> frozenset[str]:
    return frozenset(json.loads(zlib.decompress(base64.b64decode(text)))) if text else frozenset()
