"""The search for duplicates: which golden records resemble something that is not stored, by the matcher's own scores.

It reads the match tables as ingest does, and writes nothing.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.mdm.v1 import search_pb2
from services.mdm.domain.match_reasons import reasons
from services.mdm.domain.matching.blocking.keys import block_keys
from services.mdm.domain.matching.learning.defaults import default_model
from services.mdm.domain.matching.model import MatchModel, Score
from services.mdm.domain.matching.scoring.weighing import Weighing
from services.mdm.domain.matching.standardising.profile import Profile, called, profile
from services.mdm.domain.record_type import RecordType
from services.mdm.storage.matching import match_index
from services.mdm.storage.models.stored_models import matched_type, name_of
from services.mdm.storage.registration.registry import Registry
from services.mdm.storage.tables import crosswalk
from services.mesh.records.store import RecordStore

Verdict = search_pb2.MatchEvidence.Verdict


@dataclass(frozen=True)
class Resemblance:
    """A golden record that resembles what is asked for, by that of its source records which fits best."""

    golden: str
    source_record: str
    score: Score
    shared: tuple[str, ...]
    """The kinds of strong identifiers that both carry."""

    @property
    def rank(self) -> tuple[bool, int, str]:
        """What comes first: shared identifiers, then the score."""
        return (not self.shared, -self.score.millibits, self.golden)


@dataclass(frozen=True)
class Resembling:
    """What was found, the best first, and the model that scored; it has no name when it is the type's default."""

    found: Sequence[Resemblance]
    model: MatchModel

    @property
    def model_name(self) -> str:
        """The name of the model's record; empty for the type's default."""
        return name_of(self.model.record_type, self.model.revision) if self.model.revision else ""

    @property
    def goldens(self) -> list[str]:
        """The golden records that were found, the best first."""
        return [one.golden for one in self.found]

    def among(self, goldens: Collection[str]) -> "Resembling":
        """Return what was found of these golden records."""
        return replace(self, found=[one for one in self.found if one.golden in goldens])

    def evidence(self) -> dict[str, search_pb2.MatchEvidence]:
        """Return by golden record how strong the evidence for it is."""
        return {one.golden: self._evidence(one) for one in self.found}

    def _evidence(self, one: Resemblance) -> search_pb2.MatchEvidence:
        told = search_pb2.MatchEvidence(
            score_millibits=one.score.millibits,
            verdict=self._verdict(one),
            source_record=one.source_record,
            shared_identifiers=one.shared,
            contradicting_identifier=one.score.forbidden,
        )
        for reason in reasons(self.model, one.score):
            told.reasons.add(attribute=reason.attribute, finding=reason.finding, weight_millibits=reason.millibits)
        return told

    def _verdict(self, one: Resemblance) -> Verdict.ValueType:
        link, score = self.model.link_millibits, one.score
        if one.shared:
            return Verdict.VERDICT_REVIEW if score.forbidden else Verdict.VERDICT_LINK
        if score.millibits < self.model.review_millibits:
            return Verdict.VERDICT_DISTINCT
        rivals = [other.score.millibits for other in self.found if other is not one]
        clear = not rivals or score.millibits - max(rivals) >= self.model.margin_millibits
        certain = link is not None and score.millibits >= link and clear and not score.forbidden
        return Verdict.VERDICT_LINK if certain else Verdict.VERDICT_REVIEW


class DuplicateSearch:
    """Finds what resembles a record, inside the caller's transaction."""

    def __init__(self, store: RecordStore, registry: Registry) -> None:
        self._store = store
        self._registry = registry
        self._defaults: dict[str, MatchModel] = {}

    def find(self, connection: Connection, record_type: RecordType, content: Message, text: str) -> Resembling:
        """Return the golden records that resemble a content whose name is `text` besides.

        Those are told that there is more evidence for than against, or that the model asks stewards about.
        Raises UNKNOWN_RECORD_TYPE for a type whose records are not matched.
        """
        model = self._registry.read(connection).models.get(record_type.name) or self._default(record_type)
        asked = called(profile(record_type, content, self._store.sealer.token), model.matching, text)
        stored = match_index.closest(connection, record_type.name, block_keys(asked, model))
        golden = crosswalk.of_sources(connection, [each.source_record for each in stored])
        of_now = [
            (one, profile)
            for one in stored
            for profile in [one.profile]
            if profile.version == model.matching.version and one.source_record in golden
        ]
        weighing = Weighing(model, asked, min(0, model.review_millibits))
        scores = weighing.scores([one.stored for one, _ in of_now])
        found = [
            Resemblance(golden[one.source_record].golden, one.source_record, score, shared)
            for (one, profile), strong in zip(of_now, scores, strict=True)
            for shared in [_shared(asked, profile)]
            if (score := model.score(asked, profile) if shared else strong) is not None
        ]
        return Resembling(_best_of_each(found), model)

    def _default(self, record_type: RecordType) -> MatchModel:
        """Return a type's default model, the same each time: it remembers how rare things are."""
        matched_type(record_type.name)
        return self._defaults.setdefault(record_type.name, default_model(record_type))


def _shared(asked: Profile, other: Profile) -> tuple[str, ...]:
    return tuple(sorted({kind for kind, _ in {*asked.identifiers} & {*other.identifiers}}))


def _best_of_each(found: Iterable[Resemblance]) -> list[Resemblance]:
    best: dict[str, Resemblance] = {}
    for one in sorted(found, key=lambda each: (*each.rank, each.source_record)):
        best.setdefault(one.golden, one)
    return list(best.values())
