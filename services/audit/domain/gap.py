"""Gaps: revisions that ought to have evidence and have none."""

from typing import NamedTuple


class Gap(NamedTuple):
    """Missing revisions of one record, both ends inclusive; a later revision is held. Sorts as the log lists them."""

    source_service: str
    record: str
    first_revision: int
    last_revision: int
