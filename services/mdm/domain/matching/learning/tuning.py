"""Cuts that a person sets, in place of those that a model came with."""

import dataclasses
from collections.abc import Iterator

from concord.mdm.v1 import match_model_service_pb2 as pb
from concord.mdm.v1 import match_trial_pb2
from services.mdm.domain.matching.model import MatchModel, Score
from services.mdm.domain.violation import Violation

Band = pb.MatchScore.Band


def tuned(model: MatchModel, tuning: match_trial_pb2.MatchTuning) -> MatchModel:
    """Return the model with the cuts that are set; those that are not stay."""
    link = tuning.link_millibits if tuning.HasField("link_millibits") else model.link_millibits
    return dataclasses.replace(
        model,
        link_millibits=None if tuning.no_automatic_links else link,
        review_millibits=tuning.review_millibits if tuning.HasField("review_millibits") else model.review_millibits,
        margin_millibits=tuning.margin_millibits if tuning.HasField("margin_millibits") else model.margin_millibits,
    )


def tuning_violations(tuning: match_trial_pb2.MatchTuning) -> Iterator[Violation]:
    """Give what of a tuning contradicts itself."""
    if tuning.no_automatic_links and tuning.HasField("link_millibits"):
        yield Violation("link_millibits", "says where automatic links begin although there are to be none")
    both = tuning.HasField("link_millibits") and tuning.HasField("review_millibits")
    if both and tuning.link_millibits < tuning.review_millibits:
        yield Violation("link_millibits", "is below the review cut")


def band(model: MatchModel, score: Score) -> Band.ValueType:
    """Return where a score lies among a model's cuts."""
    if score.millibits < model.review_millibits:
        return Band.BAND_NEW
    if score.forbidden or model.link_millibits is None or score.millibits < model.link_millibits:
        return Band.BAND_REVIEW
    return Band.BAND_LINK
