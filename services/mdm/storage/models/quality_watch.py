"""The watch on live quality: tells when decisions show that a model does not keep its promise."""

import logging
from collections.abc import Callable

from concord.mdm.v1 import match_quality_pb2 as pb
from services.mdm.storage.models.quality import MatchQuality
from services.mdm.storage.models.stored_models import matched_type

PAUSE_S = 60.0
"""How often it looks."""

_log = logging.getLogger(__name__)


class QualityWatch:
    """Measures every type that has a model in force; tells in the log when a promise is broken, and when no more."""

    def __init__(self, quality: MatchQuality, told: Callable[[pb.MatchQuality], None]) -> None:
        self._quality = quality
        self._told = told
        self._broken: set[tuple[str, str]] = set()

    def work(self) -> bool:
        """Look once; there is nothing more to do at once."""
        for name in self._quality.types():
            found = self._quality.measure(matched_type(name))
            self._told(found)
            self._tell(found, "precision", found.precision, broken=found.precision_broken)
            self._tell(found, "recall", found.recall, broken=found.recall_broken)
        return False

    def _tell(self, found: pb.MatchQuality, what: str, interval: pb.ShareInterval, *, broken: bool) -> None:
        matter = (found.match_model, what)
        if broken and matter not in self._broken:
            self._broken.add(matter)
            _log.warning(
                "%s: %s of automatic links is %.4f to %.4f, below what is promised: change the model or its cuts",
                *(found.match_model, what, interval.low, interval.high),
            )
        elif not broken and matter in self._broken:
            self._broken.discard(matter)
            _log.info("%s: %s of automatic links is as promised again", found.match_model, what)
