"""Where reading a Tryton stands: a text that is kept between the batches and between the processes.

It also remembers which rows were read, as ranges of ids: Tryton tells of no deletion, so that what is there no more is
only known by what was there before.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Cursor:
    """A place between two batches of a round, or between two rounds (`began` is None)."""

    since: datetime | None = None
    """Rows that changed from then on are read; None = all."""
    began: datetime | None = None
    """When the round began, by Tryton's clock."""
    full: bool = False
    """Whether the round looks for deletions, too."""
    model: str = ""
    """The model that is being read."""
    after: int = 0
    """The rows of that model up to this id are read."""
    known: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """The ids that were read in this or any earlier round, by model."""

    def encode(self) -> str:
        """Return the text."""
        told = {
            "since": self.since.isoformat() if self.since else None,
            "began": self.began.isoformat() if self.began else None,
            "full": self.full,
            "model": self.model,
            "after": self.after,
            "known": {model: _ranges(ids) for model, ids in self.known.items()},
        }
        return json.dumps(told, separators=(",", ":"))

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Read a text; empty = nothing was read yet. Raises ValueError when it is no cursor of ours."""
        if not text:
            return cls()
        told = json.loads(text)
        try:
            return cls(
                since=datetime.fromisoformat(told["since"]) if told["since"] else None,
                began=datetime.fromisoformat(told["began"]) if told["began"] else None,
                full=told["full"],
                model=told["model"],
                after=told["after"],
                known={model: _ids(ranges) for model, ranges in told["known"].items()},
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("not a cursor of the Tryton connector") from error


def _ranges(ids: Collection[int]) -> str:
    parts: list[list[int]] = []
    for each in sorted(ids):
        if parts and parts[-1][1] == each - 1:
            parts[-1][1] = each
        else:
            parts.append([each, each])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def _ids(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)
