"""The link cut as stewards' decisions bear it out."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from concord.mdm.v1 import match_model_pb2 as pb
from services.mdm.domain.live_quality import Count, is_broken, wilson
from services.mdm.domain.matching.model import MatchModel, Score


class Label(NamedTuple):
    """A pair that a steward decided on: what it scores, and whether it is one thing."""

    score: Score
    same: bool


def calibrated(model: MatchModel, labels: Sequence[Label], precision: float) -> MatchModel:
    """Return the model with its link cut moved as far as decisions bear out; `precision` is what is promised.

    It goes down to where the pairs decided on keep the promise for sure (the lower end of Wilson's interval). It goes
    up, or nothing is linked any more, where they break it for sure. In between too little is known: it stays.
    """
    known = sorted(
        (label.score.millibits, label.same)
        for label in labels
        if not label.score.forbidden and label.score.millibits >= model.review_millibits
    )
    told = dataclasses.replace(model, decision_count=len(labels))
    kept = _lowest_kept(known, precision)
    link = model.link_millibits
    lower = kept is not None and (link is None or kept < link)
    if lower or (link is not None and is_broken(precision, wilson(_above(known, link)))):
        return dataclasses.replace(told, link_millibits=kept, origin=pb.MatchModel.ORIGIN_DECISIONS)
    return told


def _lowest_kept(known: Sequence[tuple[int, bool]], precision: float) -> int | None:
    """Return the lowest score from which on the promise is kept for sure."""
    cuts = sorted({millibits for millibits, _ in known})
    return next((cut for cut in cuts if wilson(_above(known, cut)).low >= precision), None)


def _above(known: Iterable[tuple[int, bool]], cut: int) -> Count:
    same = [same for millibits, same in known if millibits >= cut]
    return Count(sum(same), len(same))
