"""A match model as the message that is stored, and back."""

from concord.mdm.v1 import match_model_pb2 as pb
from services.mdm.domain.matching.model import MatchModel, Weights
from services.mdm.domain.matching.standardising.profile import matching_of
from services.mdm.domain.record_type import RecordType


def to_message(model: MatchModel) -> pb.MatchModel:
    """Return a model as a message; equal models give equal messages."""
    message = pb.MatchModel(
        record_type=model.record_type,
        revision=model.revision,
        declaration_version=model.matching.version,
        origin=model.origin,
        weights=[
            _weights(attribute.name, weights)
            for attribute, weights in zip(model.matching.attributes, model.weights, strict=True)
        ],
        review_millibits=model.review_millibits,
        margin_millibits=model.margin_millibits,
        rarity_keys=sorted(model.rarities),
        rarity_millibits=[model.rarities[key] for key in sorted(model.rarities)],
        common_keys=sorted(model.common_keys),
        record_count=model.record_count,
        decision_count=model.decision_count,
    )
    if model.link_millibits is not None:
        message.link_millibits = model.link_millibits
    return message


def _weights(attribute: str, weights: Weights) -> pb.AttributeWeights:
    return pb.AttributeWeights(
        attribute=attribute,
        level_millibits=weights.millibits,
        usual_rarity_millibits=weights.usual_rarity,
        unseen_rarity_millibits=weights.unseen_rarity,
        lowest_rarity_millibits=weights.rarity_range[0],
        highest_rarity_millibits=weights.rarity_range[1],
    )


def from_message(record_type: RecordType, message: pb.MatchModel) -> MatchModel:
    """Return the model of a message. Raises ValueError when it is for another type or declaration."""
    matching = matching_of(record_type)
    names = [attribute.name for attribute in matching.attributes]
    if message.record_type != record_type.name or message.declaration_version != matching.version:
        raise ValueError(f"the model is for {message.record_type}, declaration {message.declaration_version}")
    if [weights.attribute for weights in message.weights] != names:
        raise ValueError("the model weighs other attributes than the declaration names")
    return MatchModel(
        record_type=record_type.name,
        matching=matching,
        exclusive=frozenset(kind.kind for kind in record_type.identifiers if kind.exclusive),
        weights=tuple(map(_from_weights, message.weights)),
        review_millibits=message.review_millibits,
        margin_millibits=message.margin_millibits,
        link_millibits=message.link_millibits if message.HasField("link_millibits") else None,
        rarities=dict(zip(message.rarity_keys, message.rarity_millibits, strict=True)),
        common_keys=frozenset(message.common_keys),
        revision=message.revision,
        origin=message.origin,
        record_count=message.record_count,
        decision_count=message.decision_count,
    )


def _from_weights(message: pb.AttributeWeights) -> Weights:
    return Weights(
        tuple(message.level_millibits),
        message.usual_rarity_millibits,
        message.unseen_rarity_millibits,
        (message.lowest_rarity_millibits, message.highest_rarity_millibits),
    )
