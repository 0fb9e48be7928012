"""Reviews by identifier: source records that carry one strong identifier and belong to several golden records."""

from collections.abc import Sequence
from itertools import combinations

from sqlalchemy import Connection

from services.mdm.domain.decided_pair import pair
from services.mdm.storage.matching import match_candidates
from services.mdm.storage.matching.match_candidates import Waiting
from services.mdm.storage.matching.matcher import Matcher

DOUBT = "identifier"
_FIRST = 1


def ask_about(connection: Connection, matcher: Matcher, record_type: str, carriers: Sequence[str]) -> None:
    """Let each two of the source records wait for a steward, unless one has decided on them."""
    pairs = {pair(*two) for two in combinations(carriers, 2)}
    decided = {one.name for one in matcher.decided(connection, carriers)}
    waiting = [Waiting(each, 0, DOUBT, _FIRST) for each in sorted(pairs) if each.decision not in decided]
    match_candidates.add(connection, record_type, waiting)
